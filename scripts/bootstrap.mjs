// Entry of every npm script: makes sure that the dependencies are there, then runs scripts/<task>.ts on the Node of
// node_modules. Plain JavaScript without dependencies, because on a fresh checkout nothing else is installed yet.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const oldestNode = [20, 19];
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const isWindows = process.platform === 'win32';
const bundledNode = path.join(root, 'node_modules', 'node', 'bin', isWindows ? 'node.exe' : 'node');
/** How often a task's launcher looks whether whoever started it is still there. */
const parentPollMs = 1000;

/** Ends the process with one line that says what is missing and how to get it. */
function refuse(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

function isOnPath(program) {
  const endings = isWindows ? (process.env.PATHEXT ?? '.EXE;.CMD').split(';') : [''];
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) =>
    endings.some((ending) => {
      try {
        accessSync(path.join(folder, program + ending), constants.X_OK);
        return folder !== '';
      } catch {
        return false; // Not in this folder; the next one may have it.
      }
    }),
  );
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = oldestNode;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  refuse(
    `Node ${process.versions.node} is too old: install Node ${wantedMajor}.${wantedMinor} or newer from https://nodejs.org.`,
  );
}

/** The terminal library comes prebuilt for macOS and Windows; on Linux it is compiled while it is installed. */
function checkToolchain() {
  if (process.platform !== 'linux') return;
  const missing = [];
  if (!isOnPath('g++') && !isOnPath('c++') && !isOnPath('clang++')) missing.push('g++');
  if (!isOnPath('make')) missing.push('make');
  if (!isOnPath('python3')) missing.push('python3');
  if (missing.length === 0) return;
  const install = isOnPath('apk') ? 'apk add' : isOnPath('dnf') ? 'dnf install' : 'apt-get install -y';
  const names = missing.map((name) => (name === 'g++' && install.startsWith('dnf') ? 'gcc-c++' : name));
  refuse(
    `The terminal library node-pty cannot be compiled without ${missing.join(', ')}: run "${install} ${names.join(' ')}" first.`,
  );
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Why `npm ci` is needed, or nothing when node_modules already holds what package-lock.json asks for. npm writes what
 * it installed into a lock file of its own, last of all, so that an interrupted installation is noticed too.
 */
export function installationGap(folder) {
  const wanted = readLock(path.join(folder, 'package-lock.json'));
  if (!wanted) refuse('package-lock.json is missing or damaged: restore it with "git checkout package-lock.json".');
  const installed = readLock(path.join(folder, 'node_modules', '.package-lock.json'));
  if (!installed) return 'the dependencies are not installed yet';
  for (const [location, entry] of Object.entries(wanted)) {
    if (location === '' || entry.link) continue;
    const present = installed[location];
    if (!present && (entry.optional || entry.devOptional || entry.peer)) continue; // Meant for another platform.
    if (present?.version !== entry.version)
      return `${location.slice('node_modules/'.length)} ${entry.version} is missing`;
  }
  return undefined;
}

/** node-gyp downloads Node's headers unless it is told of a folder that has them, as most installations of Node do. */
function headersEnvironment() {
  if (process.env.npm_config_nodedir) return {};
  const prefix = path.resolve(path.dirname(process.execPath), '..');
  return existsSync(path.join(prefix, 'include', 'node', 'node_api.h')) ? { npm_config_nodedir: prefix } : {};
}

function install() {
  const gap = installationGap(root) ?? (existsSync(bundledNode) ? undefined : 'the bundled Node is missing');
  if (!gap) return;
  checkToolchain();
  process.stdout.write(`Installing dependencies (${gap}) ...\n`);
  const npm = process.env.npm_execpath;
  const [command, prefix] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const result = spawnSync(command, [...prefix, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: isWindows && command === 'npm',
    env: { ...process.env, ...headersEnvironment() },
  });
  if (result.error) refuse(`npm could not be started (${result.error.message}): install npm, it comes with Node.`);
  if (result.status !== 0)
    refuse('The dependencies could not be installed: see the lines above, mend it and run the command again.');
  if (!existsSync(bundledNode)) refuse('npm installed no Node of its own: run "npm rebuild node" and try again.');
}

/** `test:unit` stands for `test` with the argument `unit`, so that one file holds all suites. */
function taskFile(task) {
  const [name, part] = task.split(':');
  const file = path.join(
    root,
    'scripts',
    `${part && name !== 'test' ? name + part[0].toUpperCase() + part.slice(1) : name}.ts`,
  );
  if (!/^[a-z]+(:[a-z0-9]+)?$/.test(task) || !existsSync(file))
    refuse(`There is no task "${task}": "npm run" lists the tasks there are.`);
  return { file, firstArguments: part && name === 'test' ? [part] : [] };
}

function run(task, parameters) {
  const { file, firstArguments } = taskFile(task);
  const binaries = [path.dirname(bundledNode), path.join(root, 'node_modules', '.bin')];
  const child = spawn(
    bundledNode,
    ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', file, ...firstArguments, ...parameters],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        ...headersEnvironment(),
        PATH: [...binaries, process.env.PATH].join(path.delimiter),
        // The folder from which the person called npm: relative paths on the command line start there.
        INIT_CWD: process.env.INIT_CWD ?? process.cwd(),
      },
    },
  );
  // The task ends itself tidily on a signal; the launcher waits for it, and passes on what only the launcher received.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, parentPollMs);
  child.on('error', (error) =>
    refuse(`${bundledNode} could not be started: ${error.message}. Run "npm rebuild node".`),
  );
  child.on('exit', (code, signal) => {
    clearInterval(watch);
    process.exit(code ?? (signal === 'SIGINT' ? 130 : 1));
  });
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [task, ...parameters] = process.argv.slice(2);
  checkNode();
  if (!task) refuse('Usage: node scripts/bootstrap.mjs TASK [ARGUMENTS]');
  if (!isOnPath('git'))
    refuse('git is missing: install it ("apt-get install -y git", on macOS "xcode-select --install") and try again.');
  install();
  run(task, parameters);
}
