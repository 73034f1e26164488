import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-languageserver/node';
import { serverFlags } from '../../../extension/src/server/serverFlags.ts';
import { distFolder } from '../../../scripts/project.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { waitFor } from '../../support/waitFor.ts';
import { peerProgram } from '../peerProgram.ts';

/** Output of a watched terminal: `units` are bytes, or characters where the peer sends text. */
export type OutputListener = (data: Uint8Array | string) => void;

/** A program that gives terminals over JSON-RPC: ours, or one of the bare ones beside it. The owner calls `end`. */
export interface TerminalPeer {
  readonly name: string;
  readonly connection: MessageConnection;
  /** Process ids of its own, without those of the terminals. */
  pids(): number[];
  /** Starts `/bin/sh -c script` and gives its id. */
  create(script: string): Promise<string>;
  /** Hands the output of a terminal to `listener` and acknowledges it in the steps of this peer. */
  watch(sessionId: string, listener: OutputListener): Promise<void>;
  write(sessionId: string, data: string): Promise<void>;
  close(sessionId: string): Promise<void>;
  end(): Promise<void>;
}

/** When the extension acknowledges: after so many bytes (see `SharedAttachment`). The bare peer does it in the same steps. */
const acknowledgeStepBytes = 32_768;

/** Marks of the pty host (`flowMarks`), for the bare peer: it may have as much under way as ours. */
export const sameFlow = { high: 1_048_576, low: 262_144, acknowledgeUnits: acknowledgeStepBytes } as const;
/** Marks of VS Code's own pty host, in characters, with its collecting of output for 5 ms. */
export const editorFlow = { high: 100_000, low: 5_000, textDelayMs: 5, acknowledgeUnits: 5_000 } as const;

abstract class ForkedPeer implements TerminalPeer {
  readonly connection: MessageConnection;
  abstract readonly name: string;
  protected readonly child: ChildProcess;
  protected readonly listeners = new Map<string, OutputListener>();

  constructor(file: string, args: readonly string[], flags: readonly string[] = []) {
    this.child = fork(file, args, {
      serialization: 'advanced',
      execArgv: [...flags],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.connection = createMessageConnection(new IPCMessageReader(this.child), new IPCMessageWriter(this.child));
    this.connection.onNotification('terminal/output', (params: { sessionId: string; data: Uint8Array | string }) => {
      this.received(params.sessionId, params.data);
    });
    this.connection.listen();
  }

  abstract pids(): number[];
  abstract create(script: string): Promise<string>;
  abstract watch(sessionId: string, listener: OutputListener): Promise<void>;
  protected abstract received(sessionId: string, data: Uint8Array | string): void;

  async write(sessionId: string, data: string): Promise<void> {
    await this.connection.sendRequest('terminal/write', { sessionId, data });
  }

  async close(sessionId: string): Promise<void> {
    this.listeners.delete(sessionId);
    await this.connection.sendRequest('terminal/close', { sessionId });
  }

  async end(): Promise<void> {
    this.connection.dispose();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
  }

  protected async initialize(): Promise<void> {
    await this.connection.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
  }
}

/** Our server with its pty host, forked as the extension does it. Two on one data folder are two windows. */
export class OurPeer extends ForkedPeer {
  readonly name = 'ours';
  readonly dataFolder: string;
  private readonly isOwner: boolean;
  private readonly progress = new Map<string, { received: number; acknowledged: number; holds: boolean }>();

  private constructor(serverFile: string, dataFolder: string, isOwner: boolean) {
    super(serverFile, ['lsp', '--node-ipc', '--data-dir', dataFolder], serverFlags);
    this.dataFolder = dataFolder;
    this.isOwner = isOwner;
  }

  /** With a data folder of its own, or as another window on that of `other`; as built, or another build of the server. */
  static async start(options: { readonly other?: OurPeer; readonly serverFile?: string } = {}): Promise<OurPeer> {
    const { other, serverFile = path.join(distFolder, 'server.js') } = options;
    const peer = new OurPeer(serverFile, other?.dataFolder ?? mkdtempSync(path.join(os.tmpdir(), 'ada-')), !other);
    await peer.initialize();
    return peer;
  }

  get process(): ChildProcess {
    return this.child;
  }

  get serverPid(): number {
    return this.child.pid ?? 0;
  }

  get hostPid(): number {
    return ptyHostsOf(this.dataFolder)[0] ?? 0;
  }

  pids(): number[] {
    return [this.serverPid, this.hostPid];
  }

  async create(script: string): Promise<string> {
    const params = { shell: '/bin/sh', args: ['-c', script], cwd: this.dataFolder };
    const { sessionId } = await this.connection.sendRequest<{ sessionId: string }>('terminal/create', params);
    return sessionId;
  }

  /** `fromOffset` is needed where output has been lost on purpose. Answers what `terminal/attach` answers. */
  async watch(sessionId: string, listener: OutputListener): Promise<void> {
    await this.attach(sessionId, listener, 0);
  }

  async attach(sessionId: string, listener: OutputListener, fromOffset?: number): Promise<AttachAnswer> {
    this.listeners.set(sessionId, listener);
    const progress = { received: 0, acknowledged: 0, holds: false };
    this.progress.set(sessionId, progress);
    const where = fromOffset === undefined ? {} : { fromOffset };
    const answer = await this.connection.sendRequest<AttachAnswer>('terminal/attach', { sessionId, ...where });
    progress.received = progress.acknowledged = answer.fromOffset;
    return answer;
  }

  /** From now on nothing of this terminal is acknowledged, or everything again. */
  hold(sessionId: string, holds: boolean): void {
    const progress = this.progress.get(sessionId);
    if (!progress) return;
    progress.holds = holds;
    if (!holds) this.acknowledge(sessionId, progress.received);
  }

  override async end(): Promise<void> {
    await super.end();
    if (!this.isOwner) return;
    endPtyHostsOf(this.dataFolder);
    await waitFor('the pty host to end', () => ptyHostsOf(this.dataFolder).length === 0, 20_000);
    rmSync(this.dataFolder, { recursive: true, force: true, maxRetries: 5 });
  }

  protected received(sessionId: string, data: Uint8Array): void {
    const progress = this.progress.get(sessionId);
    if (!progress) return;
    progress.received += data.byteLength;
    this.listeners.get(sessionId)?.(data);
    if (progress.holds || progress.received - progress.acknowledged < acknowledgeStepBytes) return;
    progress.acknowledged = progress.received;
    this.acknowledge(sessionId, progress.received);
  }

  private acknowledge(sessionId: string, offset: number): void {
    void this.connection.sendNotification('terminal/acknowledge', { sessionId, offset });
  }
}

export interface AttachAnswer {
  readonly fromOffset: number;
  readonly terminal: { readonly producedBytes: number };
  /** The screen as it is, where the server computes one. */
  readonly screen?: { readonly data: Uint8Array };
}

/** node-pty behind JSON-RPC and nothing else, with the marks that are given to it. */
export class BarePeer extends ForkedPeer {
  readonly name: string;
  private readonly flow: typeof sameFlow | typeof editorFlow;
  private readonly unacknowledged = new Map<string, number>();

  private constructor(file: string, name: string, flow: typeof sameFlow | typeof editorFlow) {
    super(file, []);
    this.name = name;
    this.flow = flow;
  }

  static async start(flow: typeof sameFlow | typeof editorFlow): Promise<BarePeer> {
    const name = flow === sameFlow ? 'bare node-pty' : "VS Code's marks";
    const peer = new BarePeer(await peerProgram('barePty'), name, flow);
    await peer.initialize();
    return peer;
  }

  pids(): number[] {
    return [this.child.pid ?? 0];
  }

  async create(script: string): Promise<string> {
    const params = { file: '/bin/sh', args: ['-c', script], flow: this.flow };
    const { sessionId } = await this.connection.sendRequest<{ sessionId: string }>('terminal/create', params);
    return sessionId;
  }

  /** What came before is lost: the script waits for its viewer. */
  watch(sessionId: string, listener: OutputListener): Promise<void> {
    this.listeners.set(sessionId, listener);
    return Promise.resolve();
  }

  protected received(sessionId: string, data: Uint8Array | string): void {
    const units = (this.unacknowledged.get(sessionId) ?? 0) + data.length;
    const isStep = units >= this.flow.acknowledgeUnits;
    this.unacknowledged.set(sessionId, isStep ? 0 : units);
    this.listeners.get(sessionId)?.(data);
    if (isStep) void this.connection.sendNotification('terminal/acknowledge', { sessionId, units });
  }
}
