import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { requireCommand, runCommand } from '../command.ts';
import { runNpm } from '../npm.ts';
import { cacheFolder } from '../project.ts';
import { runExclusively } from './exclusiveWork.ts';

/** The release of the npm package code-server whose VS Code is used, and the sha512 of its archive in the registry. */
export const codeServerVersion = '4.139.1';
const archiveSha512 = 'fUYvJVdz4ZoVJfakGiGWXFMpF8K1ObsrpGvX17ZxNpKOzdNHs7lANT670JTr4ZhA8DnWqyvvmFG/d3HV9Yy6ew==';

/** Native modules that the VS Code server cannot log or end without, and that come without prebuilt binaries. */
const modulesToCompile = ['@vscode/spdlog', '@vscode/native-watchdog'];
const installLimitMs = 15 * 60_000;

/** A VS Code server that is ready to be started. */
export interface VscodeServerInstallation {
  /** `out/server-main.js` of the VS Code server, to be run on Node 24. */
  readonly mainScript: string;
}

/**
 * The VS Code server in the cache folder; downloads it from the npm registry on first use (about 600 MB unpacked, one
 * to two minutes). It is put together beside its final place and moved there at the end, so it is there whole or not
 * at all; of several processes one installs and the others wait for it.
 */
export async function installVscodeServer(report: (line: string) => void): Promise<VscodeServerInstallation> {
  const folder = path.join(cacheFolder(), `vscode-server-${codeServerVersion}`);
  const installation = { mainScript: path.join(folder, 'out', 'server-main.js') };
  if (existsSync(folder)) return installation;
  await runExclusively({
    lockFile: `${folder}.lock`,
    waitMs: installLimitMs,
    onWait: () => report('Another process is installing the VS Code server: waiting for it ...'),
    work: async () => {
      if (existsSync(folder)) return;
      const partial = `${folder}.partial`;
      await fs.rm(partial, { recursive: true, force: true });
      await fs.mkdir(partial, { recursive: true });
      const built = await putTogether(partial, report);
      await fs.rename(built, folder);
      await fs.rm(partial, { recursive: true, force: true });
    },
  });
  return installation;
}

async function putTogether(folder: string, report: (line: string) => void): Promise<string> {
  const startedAt = Date.now();
  report(`Downloading the VS Code server (code-server ${codeServerVersion} from npm), once for all checkouts ...`);
  await runNpm({
    purpose: 'Downloading the VS Code server',
    args: ['pack', '--silent', `code-server@${codeServerVersion}`],
    cwd: folder,
    timeoutMs: installLimitMs,
  });
  const archive = path.join(folder, `code-server-${codeServerVersion}.tgz`);
  await verifyArchive(archive);
  const unpack = { cwd: folder, timeoutMs: 300_000, output: 'kept' } as const;
  await requireCommand(
    'Unpacking the VS Code server',
    'tar',
    ['-xzf', path.basename(archive), 'package/lib/vscode'],
    unpack,
  );
  await fs.rm(archive);

  const server = path.join(folder, 'package', 'lib', 'vscode');
  report('Installing its dependencies ...');
  await runNpm({
    purpose: "Installing the VS Code server's dependencies",
    args: ['install', '--omit=dev', '--ignore-scripts'],
    cwd: server,
    timeoutMs: installLimitMs,
  });
  // Its built-in extensions for TypeScript and JavaScript find the compiler here.
  await runNpm({
    purpose: "Installing the dependencies of VS Code's own extensions",
    args: ['install', '--omit=dev', '--ignore-scripts'],
    cwd: path.join(server, 'extensions'),
    timeoutMs: installLimitMs,
  });
  report('Compiling its native modules ...');
  await requireCompiler();
  await runNpm({
    purpose: "Compiling the VS Code server's native modules",
    args: ['rebuild', ...modulesToCompile],
    cwd: server,
    timeoutMs: installLimitMs,
    env: await headersEnvironment(folder),
  });
  report(`The VS Code server is installed (${Math.round((Date.now() - startedAt) / 1000)} s).`);
  return server;
}

async function verifyArchive(archive: string): Promise<void> {
  const found = createHash('sha512')
    .update(await fs.readFile(archive))
    .digest('base64');
  if (found === archiveSha512) return;
  throw new Error(
    `The download of code-server ${codeServerVersion} is not the archive that was reviewed (sha512 ${found}): try again, and distrust the registry if it persists.`,
  );
}

async function requireCompiler(): Promise<void> {
  if (process.platform === 'win32') return;
  const probe = await runCommand(
    'sh',
    ['-c', 'command -v make && command -v python3 && (command -v c++ || command -v g++ || command -v clang++)'],
    {
      timeoutMs: 10_000,
      output: 'kept',
    },
  );
  if (probe.exitCode === 0) return;
  const remedy = process.platform === 'darwin' ? 'xcode-select --install' : 'apt-get install -y g++ make python3';
  throw new Error(`The VS Code server cannot be installed without a C++ compiler, make and python3: run "${remedy}".`);
}

/**
 * node-gyp downloads Node's headers from nodejs.org unless it is told of a folder that has them. Where none is known,
 * the npm package of Node for this platform has them, so that the registry stays the only place asked.
 */
async function headersEnvironment(folder: string): Promise<NodeJS.ProcessEnv> {
  if (process.env['npm_config_nodedir']) return {};
  const known = await runNpm({
    purpose: 'Asking npm for its configuration',
    args: ['config', 'get', 'nodedir'],
    cwd: folder,
    timeoutMs: 60_000,
  });
  if (existsSync(path.join(known.trim(), 'include', 'node', 'node_api.h'))) return { npm_config_nodedir: known.trim() };
  if (process.platform === 'win32') return {};
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  const nodePackage = `${prefix}-${process.platform}-${process.arch}`;
  const headers = path.join(folder, 'headers');
  await fs.mkdir(headers, { recursive: true });
  await runNpm({
    purpose: "Downloading Node's headers",
    args: ['install', '--no-save', '--no-package-lock', '--prefix', headers, `${nodePackage}@${process.versions.node}`],
    cwd: headers,
    timeoutMs: installLimitMs,
  });
  return { npm_config_nodedir: path.join(headers, 'node_modules', nodePackage) };
}
