import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { buildProduct } from './build.ts';
import { runTask } from './command.ts';
import { openInBrowser } from './openInBrowser.ts';
import { cacheFolder, formatBytes, readManifest } from './project.ts';
import { hostTarget, packVsix } from './vsix.ts';
import { findDesktop, openDesktop } from './workbench/desktop.ts';
import { initialSettings } from './workbench/settings.ts';
import { installExtension, isExtensionInstalled, probePort, VscodeServer } from './workbench/vscodeServer.ts';
import { installVscodeServer } from './workbench/vscodeServerInstallation.ts';

/** Tried in this order when no port is asked for: a port that stays the same keeps the browser's part of the state. */
const usualPorts = Array.from({ length: 10 }, (_, index) => 38170 + index);

const usage = `Usage: npm start [-- --folder PATH] [--port N] [--no-open]

Builds the extension and opens it in VS Code: in the desktop's "code" if there is one, else in a VS Code of its own in
the browser, which runs until Ctrl+C.
  --folder PATH  the folder to open; the current one when left out
  --port N       use VS Code in the browser, on this port of 127.0.0.1
  --no-open      use VS Code in the browser, and only print its address`;

interface StartOptions {
  readonly folder: string;
  readonly port: number | undefined;
  readonly open: boolean;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (!options) {
    console.log(usage);
    return 0;
  }
  if (options.port !== undefined && (await probePort(options.port)) === undefined) {
    throw new Error(`Port ${options.port} of 127.0.0.1 is taken or not allowed: choose another one with --port.`);
  }
  const vsix = await pack();
  const desktop = options.open && options.port === undefined ? findDesktop() : undefined;
  if (desktop) {
    const failure = await openDesktop(desktop, vsix, options.folder);
    if (failure === undefined) return 0;
    console.log(`${failure} Using VS Code in the browser instead.`);
  }
  return serve(options, vsix);
}

function readOptions(): StartOptions | undefined {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string' },
      port: { type: 'string' },
      'no-open': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return { folder: readFolder(values.folder ?? '.'), port: readPort(values.port), open: !values['no-open'] };
}

function readFolder(given: string): string {
  const folder = path.resolve(process.env['INIT_CWD'] ?? process.cwd(), given.replace(/^~(?=$|[/\\])/, os.homedir()));
  if (!existsSync(folder)) throw new Error(`The folder ${folder} does not exist: name one that does with --folder.`);
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder: name one with --folder.`);
  return folder;
}

function readPort(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const port = Number(given);
  if (/^\d+$/.test(given) && port >= 1 && port <= 65535) return port;
  throw new Error(`"${given}" is no port: --port takes a number from 1 to 65535.`);
}

async function pack(): Promise<string> {
  console.log('Building the extension ...');
  const files = await buildProduct({ minify: true });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  console.log(`Packing it (${files.length} files, ${formatBytes(bytes)}) ...`);
  return packVsix(hostTarget(), { quiet: true });
}

/** Serves the workbench until it ends or somebody ends it. */
async function serve(options: StartOptions, vsix: string): Promise<number> {
  const report = (line: string) => console.log(line);
  const installation = await installVscodeServer(report);
  const port = options.port ?? (await chooseUsualPort());
  // One state for each port: only one server can hold the port, so no two share a state.
  const stateFolder = path.join(cacheFolder(), 'workbench', `port-${port}`);
  const { name, publisher } = readManifest();
  const id = `${publisher}.${name}`;
  console.log(`Installing the extension into VS Code (its settings stay in ${stateFolder}) ...`);
  await installExtension(installation, stateFolder, vsix);
  if (!(await isExtensionInstalled(installation, stateFolder, id))) {
    throw new Error(
      `VS Code took ${path.basename(vsix)} but does not list ${id}: remove ${stateFolder} and try again.`,
    );
  }
  console.log('Starting VS Code ...');
  const server = await VscodeServer.start({
    installation,
    stateFolder,
    port,
    connectionToken: randomBytes(24).toString('hex'),
    workspaceTrust: true,
    initialSettings,
  });
  const ending = endingRequested();
  const url = server.url({ folder: options.folder });
  console.log(
    `VS Code is ready on ${options.folder}. Keep this address to yourself: it opens a shell. Ctrl+C ends it.`,
  );
  console.log(url);
  if (options.open) await openInBrowser(url);
  const ended = await Promise.race([ending, server.exited.then(() => 'died' as const)]);
  if (ended === 'died') console.error(`VS Code ended by itself: see ${path.join(stateFolder, 'server.log')}.`);
  await server.stop();
  return ended === 'died' ? 1 : 0;
}

async function chooseUsualPort(): Promise<number> {
  for (const port of usualPorts) if ((await probePort(port)) !== undefined) return port;
  throw new Error(
    `The ports ${usualPorts[0] ?? ''} to ${usualPorts.at(-1) ?? ''} are all taken: choose one with --port.`,
  );
}

/** Resolves when somebody asks the process to end; from then on it ends tidily instead of at once. */
function endingRequested(): Promise<'asked'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.removeAllListeners(signal);
      process.on(signal, () => resolve('asked'));
    }
  });
}

if (import.meta.main) await runTask(main);
