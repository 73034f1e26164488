import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { listBundles } from '../../scripts/bundles.ts';
import { projectFolder } from '../../scripts/project.ts';
import { buildPtyExec } from '../../scripts/ptyExec.ts';
import { hostPaths, readHostRecord } from '../../server/src/ptyProtocol/hostRecord.ts';
import type { PtyCreateParams } from '../../server/src/ptyProtocol/messages.ts';
import type { PtyHostClient } from '../../server/src/terminals/hostClient/ptyHostClient.ts';
import { PtyHostLauncher, type PtyHostLauncherOptions } from '../../server/src/terminals/hostClient/ptyHostLauncher.ts';
import type {
  PtySubscription,
  PtySubscriptionEvent,
} from '../../server/src/terminals/hostClient/ptyHostSubscription.ts';
import { recordingLogger } from './recordingLogger.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { waitFor } from './waitFor.ts';

export const nodePtyFolder = path.join(projectFolder, 'node_modules', 'node-pty');
const built = new Map<string, Promise<string>>();

/** The pty host's bundle, made as for shipping, once in each test process; its path. */
export function builtPtyHost(): Promise<string> {
  return builtBundle('ptyHost');
}

/** A bundle, made as for shipping, once in each test process; its path. */
export function builtBundle(name: 'ptyHost' | 'screenWorker'): Promise<string> {
  const known = built.get(name) ?? buildBundle(name);
  built.set(name, known);
  return known;
}

async function buildBundle(name: string): Promise<string> {
  const folder = temporaryFolder();
  process.once('exit', () => folder.remove());
  const bundle = listBundles().find((candidate) => candidate.name === name);
  if (!bundle) throw new Error(`There is no bundle "${name}".`);
  const bundleFile = path.join(folder.path, `${name}.js`);
  await build({
    ...bundle.options,
    absWorkingDir: projectFolder,
    entryPoints: [bundle.entry],
    bundle: true,
    outfile: bundleFile,
    logLevel: 'warning',
  });
  if (name === 'ptyHost') await buildPtyExec(path.join(folder.path, 'ptyExec'));
  return bundleFile;
}

/** A data folder of its own with everything a test of the pty host needs. `close` makes sure that nothing is left. */
export class PtyHostWorld {
  readonly dataFolder: string;
  readonly logLines: string[];
  private readonly folder = temporaryFolder();
  private readonly logger = recordingLogger();
  private readonly launchers: PtyHostLauncher[] = [];
  private readonly bundleFile: string;
  private readonly socketsBefore = openSockets();

  static async open(): Promise<PtyHostWorld> {
    return new PtyHostWorld(await builtPtyHost());
  }

  private constructor(bundleFile: string) {
    this.bundleFile = bundleFile;
    this.dataFolder = this.folder.path;
    this.logLines = this.logger.lines;
  }

  get hostLog(): string {
    const { logFile } = hostPaths(this.dataFolder);
    return existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  }

  launcherOptions(options: Partial<PtyHostLauncherOptions> = {}): PtyHostLauncherOptions {
    const { dataFolder, bundleFile } = this;
    return { dataFolder, bundleFile, nodePtyFolder, keepAliveHours: 24, log: this.logger.logger, ...options };
  }

  /** A launcher of its own, as another server or window would have. */
  launcher(options: Partial<PtyHostLauncherOptions> = {}): PtyHostLauncher {
    const launcher = new PtyHostLauncher(this.launcherOptions(options));
    this.launchers.push(launcher);
    return launcher;
  }

  client(options: Partial<PtyHostLauncherOptions> = {}): Promise<PtyHostClient> {
    return this.launcher(options).client();
  }

  /** Pids of the hosts that run for this data folder, by what the system says. */
  hostPids(): number[] {
    return processes()
      .filter(({ commandLine }) => commandLine.includes(`--data-folder ${this.dataFolder}`))
      .map(({ pid }) => pid);
  }

  /** Ends the host by signal, and waits until it is gone. Whoever misses it may have started the next one by then. */
  async endHost(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ended = new Set(this.hostPids());
    for (const pid of ended) process.kill(pid, signal);
    await waitFor('the pty host to end', () => !this.hostPids().some((pid) => ended.has(pid)));
  }

  async close(): Promise<void> {
    for (const launcher of this.launchers) launcher.dispose();
    await this.endHost();
    await waitFor('every socket to be closed', () => openSockets() <= this.socketsBefore);
    this.folder.remove();
  }

  async address(): Promise<string> {
    const record = await readHostRecord(hostPaths(this.dataFolder).recordFile);
    if (!record) throw new Error('There is no record of a host.');
    return record.address;
  }
}

/** A program in a terminal, `/bin/sh -c SCRIPT` unless told otherwise. */
export function createParams(script: string, more: Partial<PtyCreateParams> = {}): PtyCreateParams {
  const env = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: process.env['HOME'] ?? '/',
    TERM: 'xterm-256color',
  };
  return {
    file: '/bin/sh',
    args: ['-c', script],
    cwd: '/',
    env,
    cols: 80,
    rows: 24,
    metadata: '',
    isShell: false,
    ...more,
  };
}

/** A viewer that keeps what it is told. With `acknowledge` false it gives no credit beyond its first window. */
export class Viewer {
  readonly events: PtySubscriptionEvent[] = [];
  readonly startOffset: number;
  acknowledging: boolean;
  private readonly subscription: PtySubscription;
  private chunks: Uint8Array[] = [];
  private received = 0;
  private nextOffset: number;

  static async open(
    client: PtyHostClient,
    options: { sessionId: string; fromOffset?: number; windowBytes?: number; acknowledging?: boolean },
  ): Promise<Viewer> {
    const { acknowledging = true, ...where } = options;
    return new Viewer(await client.subscribe(where), acknowledging);
  }

  private constructor(subscription: PtySubscription, acknowledging: boolean) {
    this.subscription = subscription;
    this.acknowledging = acknowledging;
    this.startOffset = subscription.startOffset;
    this.nextOffset = subscription.startOffset;
    subscription.listen((event) => this.take(event));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  get receivedBytes(): number {
    return this.received;
  }

  get offset(): number {
    return this.nextOffset;
  }

  get exited(): Extract<PtySubscriptionEvent, { kind: 'exited' }> | undefined {
    return this.events.find((event) => event.kind === 'exited');
  }

  get gaps(): Extract<PtySubscriptionEvent, { kind: 'gap' }>[] {
    return this.events.filter((event) => event.kind === 'gap');
  }

  /** Forgets the bytes kept so far, for tests that let megabytes flow. */
  dropBytes(): void {
    this.chunks = [];
  }

  giveCredit(): void {
    this.acknowledging = true;
    this.subscription.acknowledge(this.nextOffset);
  }

  dispose(): void {
    this.subscription.dispose();
  }

  private take(event: PtySubscriptionEvent): void {
    if (event.kind === 'gap') this.nextOffset = event.to;
    if (event.kind !== 'output') {
      this.events.push(event);
      return;
    }
    if (event.offset !== this.nextOffset)
      throw new Error(`Byte ${event.offset} came where ${this.nextOffset} was due.`);
    this.nextOffset += event.data.length;
    this.received += event.data.length;
    this.chunks.push(Buffer.from(event.data));
    if (this.acknowledging) this.subscription.acknowledge(this.nextOffset);
  }
}

/**
 * Waits until a terminal has produced more than `moreThan` bytes and then nothing for several looks in a row: it is
 * paused, or its program waits. Gives the number of bytes.
 */
export async function untilOutputStands(client: PtyHostClient, sessionId: string, moreThan = 0): Promise<number> {
  let before = -1;
  let looks = 0;
  return await waitFor('the output to stand still', async () => {
    const now = (await client.list()).find((session) => session.sessionId === sessionId)?.producedBytes ?? 0;
    looks = now === before ? looks + 1 : 0;
    before = now;
    return now > moreThan && looks >= 8 && now;
  });
}

/** Runs `program` (TypeScript, an ES module) in a Node process of its own, a stand-in for another server. */
export function runStandIn(program: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [...typescriptOptions, '-e', program], {
    cwd: projectFolder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What Node needs to run TypeScript from its command line, without its remarks about that. */
export const typescriptOptions = [
  '--input-type=module-typescript',
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
];

/** Unix sockets (and pipes) that this process has open. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
}

function processes(): { pid: number; commandLine: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // Zombies have an empty command line and are not counted.
        const commandLine = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), commandLine }];
      } catch {
        // It has ended in the meantime.
        return [];
      }
    });
}
