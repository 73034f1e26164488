import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as net from 'node:net';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killGroup, requireCommand } from '../command.ts';
import type { VscodeServerInstallation } from './vscodeServerInstallation.ts';

const host = '127.0.0.1';
const startLimitMs = 60_000;
/** How long the server has for its orderly end before it is killed together with its extension hosts. */
const stopLimitMs = 8_000;
const probeIntervalMs = 100;

/** How one VS Code server is run. */
export interface VscodeServerOptions {
  readonly installation: VscodeServerInstallation;
  /** Settings, extensions, data and logs of this server; made when missing. */
  readonly stateFolder: string;
  readonly port: number;
  /** The secret without which the server shows nothing. Handed over in a file, since arguments can be read by all. */
  readonly connectionToken: string;
  /** Whether VS Code asks if the authors of a folder are to be trusted. */
  readonly workspaceTrust: boolean;
  /** Written as the user's settings unless there are some already. */
  readonly initialSettings: Readonly<Record<string, unknown>>;
  readonly extraArguments?: readonly string[];
  /** Added to the environment of the server and so of the extension host; undefined removes a variable. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What a workbench page is to open. */
export interface WorkbenchAddress {
  readonly folder?: string;
  readonly payload?: readonly (readonly [string, string])[];
}

/** A running VS Code server: the real workbench and the real extension host, for a browser on this machine. */
export class VscodeServer {
  readonly exited: Promise<number | null>;
  private readonly child: ChildProcess;
  private readonly options: VscodeServerOptions;

  private constructor(child: ChildProcess, options: VscodeServerOptions) {
    this.child = child;
    this.options = options;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code) => resolve(code));
      child.once('error', () => resolve(null));
    });
  }

  /** Starts the server and waits until it answers; one that does not is stopped and its log named in the error. */
  static async start(options: VscodeServerOptions): Promise<VscodeServer> {
    await prepareState(options);
    const { stateFolder } = options;
    const tokenFile = path.join(stateFolder, 'connection-token');
    await fs.writeFile(tokenFile, options.connectionToken, { mode: 0o600 });
    const log = openSync(logFile(stateFolder), 'a');
    const child = spawn(
      process.execPath,
      [
        options.installation.mainScript,
        ...stateArguments(stateFolder),
        ...['--host', host, '--port', String(options.port), '--connection-token-file', tokenFile],
        ...['--disable-telemetry', '--without-browser-env-var'],
        ...(options.workspaceTrust ? [] : ['--disable-workspace-trust']),
        ...(options.extraArguments ?? []),
      ],
      {
        detached: process.platform !== 'win32',
        stdio: ['ignore', log, log],
        env: serverEnvironment(options.environment),
      },
    );
    closeSync(log);
    const server = new VscodeServer(child, options);
    try {
      await server.waitUntilItAnswers();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('The VS Code server was never started.');
    return pid;
  }

  /** `127.0.0.1:<port>`: what VS Code calls the remote authority. */
  get authority(): string {
    return `${host}:${this.options.port}`;
  }

  /** The address of a workbench page, with the token that opens it. */
  url(address: WorkbenchAddress = {}): string {
    const url = new URL(`http://${this.authority}/`);
    url.searchParams.set('tkn', this.options.connectionToken);
    if (address.folder) url.searchParams.set('folder', address.folder);
    if (address.payload) url.searchParams.set('payload', JSON.stringify(address.payload));
    return url.toString();
  }

  /** Ends the server and every process in its group. Safe to call twice. */
  async stop(): Promise<void> {
    if (!this.hasEnded) {
      this.child.kill('SIGTERM');
      await Promise.race([this.exited, delay(stopLimitMs, undefined, { ref: false })]);
    }
    killGroup(this.child);
    await Promise.race([this.exited, delay(stopLimitMs, undefined, { ref: false })]);
  }

  private get hasEnded(): boolean {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private async waitUntilItAnswers(): Promise<void> {
    const end = Date.now() + startLimitMs;
    while (Date.now() < end && !this.hasEnded) {
      if (await answers(this.url())) return;
      await delay(probeIntervalMs);
    }
    const what = this.hasEnded ? 'ended while it was starting' : `did not answer within ${startLimitMs / 1000} s`;
    const lines = (await fs.readFile(logFile(this.options.stateFolder), 'utf8')).trim().split('\n').slice(-5);
    throw new Error(
      `The VS Code server ${what}; its log ${logFile(this.options.stateFolder)} ends with:\n${lines.join('\n')}`,
    );
  }
}

/** Installs a VSIX into the extensions of a server's state folder, with VS Code's own installer. */
export async function installExtension(
  installation: VscodeServerInstallation,
  stateFolder: string,
  vsix: string,
): Promise<void> {
  await requireCommand(
    `Installing ${path.basename(vsix)} into VS Code`,
    process.execPath,
    [installation.mainScript, ...stateArguments(stateFolder), '--install-extension', vsix, '--force'],
    { env: serverEnvironment(), timeoutMs: 120_000, output: 'kept' },
  );
}

/** Whether the extension `id` is among those installed in the state folder, as VS Code itself lists them. */
export async function isExtensionInstalled(
  installation: VscodeServerInstallation,
  stateFolder: string,
  id: string,
): Promise<boolean> {
  const listed = await requireCommand(
    'Listing the installed extensions',
    process.execPath,
    [installation.mainScript, ...stateArguments(stateFolder), '--list-extensions'],
    { env: serverEnvironment(), timeoutMs: 60_000, output: 'kept' },
  );
  return listed.split(/\r?\n/).includes(id);
}

/** A TCP port of the loopback interface that nobody listens on; `wanted` 0 takes any. Undefined when it is taken. */
export function probePort(wanted: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    probe.listen({ host, port: wanted, exclusive: true }, () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

function logFile(stateFolder: string): string {
  return path.join(stateFolder, 'server.log');
}

async function prepareState({ stateFolder, initialSettings }: VscodeServerOptions): Promise<void> {
  for (const name of ['user/User', 'extensions', 'server']) {
    await fs.mkdir(path.join(stateFolder, name), { recursive: true, mode: 0o700 });
  }
  await fs.rm(logFile(stateFolder), { force: true });
  // The remote machine's settings: a web workbench keeps its user's settings on the server side too, in User.
  const settings = `${JSON.stringify(initialSettings, null, 2)}\n`;
  await fs
    .writeFile(path.join(stateFolder, 'user', 'User', 'settings.json'), settings, { flag: 'wx' })
    .catch(keepExisting);
}

function keepExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error; // A person's own settings stay as they are.
}

function stateArguments(stateFolder: string): string[] {
  return [
    ...['--extensions-dir', path.join(stateFolder, 'extensions')],
    ...['--server-data-dir', path.join(stateFolder, 'server')],
    ...['--user-data-dir', path.join(stateFolder, 'user')],
    '--accept-server-license-terms',
  ];
}

/**
 * Without a gallery VS Code asks no marketplace about the extension under development, where anybody could have
 * published another one under its name. What a surrounding VS Code left in the environment would confuse the server.
 */
function serverEnvironment(additions: Readonly<Record<string, string | undefined>> = {}): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^(VSCODE_|CODE_SERVER_|npm_)|^(ELECTRON_RUN_AS_NODE|NODE_OPTIONS|INIT_CWD)$/.test(name))
      environment[name] = value;
  }
  return { ...environment, EXTENSIONS_GALLERY: '{}', ...additions };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.status === 200 || response.status === 302;
  } catch (error) {
    // Nobody listens yet, or the connection ended early: both mean "not yet".
    if (error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')) return false;
    throw error;
  }
}
