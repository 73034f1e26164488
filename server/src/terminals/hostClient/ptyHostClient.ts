import { CodedError } from '../../../protocol/errors.ts';
import type { Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/emitter.ts';
import type { Logger } from '../../base/logger.ts';
import { encodeSetCheckpoint, encodeWrite } from '../../ptyProtocol/binaryFrames.ts';
import { maxWriteBytes } from '../../ptyProtocol/limits.ts';
import type {
  PtyCreateParams,
  PtyHostNotifications,
  PtyMark,
  PtyRequests,
  PtySessionInfo,
  PtySignal,
} from '../../ptyProtocol/messages.ts';
import { PtyHostConnection, type PtyHostTarget } from './ptyHostConnection.ts';
import type { PtyHostIdentity } from './ptyHostHandshake.ts';
import { HeldPtySubscription, type PtySubscription } from './ptyHostSubscription.ts';

/** A screen that a server left with a session, and the offset of the output at which it was taken. */
export interface PtyCheckpoint {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** A viewer that the host knows of, until it is disposed. */
export interface PtyView extends Disposable {
  /** Whether this viewer answers what the program asks of its terminal. */
  readonly answers: boolean;
}

/** Where to read from. The bytes sent and not yet acknowledged never exceed `windowBytes` (default 1 MiB). */
export interface PtySubscribeOptions {
  readonly sessionId: string;
  readonly fromOffset?: number;
  readonly windowBytes?: number;
}

/** The host waits 2 s for the processes to end before it kills them; then this much for the answer. */
const closeTimeoutMs = 10_000;
const createTimeoutMs = 10_000;
const defaultWindowBytes = 1_048_576;
/** How long input waits for a program that does not read, before it is refused. Half of what `terminal/write` may take. */
const inputWaitMs = 5_000;

/**
 * The companion server's view of one pty host over one connection. Every call has a time limit (5 s where nothing else
 * is said), ends early by its signal, and rejects with a `CodedError`: `NotFound`, `Conflict` (the session has exited),
 * `ResourceLimit`, `InvalidShell`, `InvalidCwd`, `InvalidEnvironment`, `Unsupported`, `TimedOut`, `Cancelled`, and
 * `Unavailable` once the connection is lost. A client never reconnects: `PtyHostLauncher` gives a new one.
 */
export class PtyHostClient implements Disposable {
  private readonly connection: PtyHostConnection;
  private readonly log: Logger;
  private readonly subscriptions = new Map<number, HeldPtySubscription>();
  private readonly sessionsChanged: Emitter<PtyHostNotifications['sessionsChanged']>;
  private readonly marked: Emitter<PtyHostNotifications['marked']>;
  private readonly checkpointDue: Emitter<PtyHostNotifications['checkpointDue']>;
  private readonly typedElsewhere: Emitter<PtyHostNotifications['typed']>;
  private readonly closed: Emitter<CodedError>;
  private nextSubscriptionId = 1;
  /** By the number of the viewer. */
  private readonly onAnswering = new Map<number, () => void>();
  private nextViewerId = 1;
  /** The end of each session's queue of writes, so that one input never lands in the middle of another. */
  private readonly writes = new Map<string, Promise<void>>();

  /** Connects to the host at `target` and shakes hands. */
  static async connect(target: PtyHostTarget, log: Logger): Promise<PtyHostClient> {
    const attached: { client?: PtyHostClient } = {};
    const connection = await PtyHostConnection.open(target, {
      output: (frame) =>
        attached.client?.subscriptions.get(frame.subscriptionId)?.deliver({ kind: 'output', ...frame }),
      notified: (method, params) => attached.client?.notified(method, params),
      closed: (error) => attached.client?.lost(error),
    });
    attached.client = new PtyHostClient(connection, log);
    return attached.client;
  }

  private constructor(connection: PtyHostConnection, log: Logger) {
    this.connection = connection;
    this.log = log;
    const onError = (error: unknown) => log.error('A listener of the pty host client failed', { error });
    this.sessionsChanged = new Emitter(onError);
    this.marked = new Emitter(onError);
    this.checkpointDue = new Emitter(onError);
    this.typedElsewhere = new Emitter(onError);
    this.closed = new Emitter(onError);
  }

  /** Which host this is. Another `instanceId` than before means that the former host's sessions are lost. */
  get identity(): PtyHostIdentity {
    return this.connection.identity;
  }

  get isClosed(): boolean {
    return this.connection.isClosed;
  }

  /** A session of this host was created, has exited, got new metadata, or was removed; by whichever client. */
  onSessionsChanged(listener: (change: PtyHostNotifications['sessionsChanged']) => void): Disposable {
    return this.sessionsChanged.on(listener);
  }

  /** A mark was seen in the output of a session, whoever reads it. */
  onMarked(listener: (marked: PtyHostNotifications['marked']) => void): Disposable {
    return this.marked.on(listener);
  }

  /** The host asks this client to leave a screen with a session. */
  onCheckpointDue(listener: (due: PtyHostNotifications['checkpointDue']) => void): Disposable {
    return this.checkpointDue.on(listener);
  }

  /** A person types into a session by way of another client. */
  onTypedElsewhere(listener: (typed: PtyHostNotifications['typed']) => void): Disposable {
    return this.typedElsewhere.on(listener);
  }

  /** The connection is over; called once. */
  onClosed(listener: (error: CodedError) => void): Disposable {
    return this.closed.on(listener);
  }

  /** Whether the host counts its sessions against `maxSessions` by itself. An older one would refuse to be told. */
  get knowsMaxSessions(): boolean {
    return this.identity.revision >= 1;
  }

  /** Says for how many hours without any client idle shells are to be kept. A host of before is told only at first. */
  async setKeepAlive(keepAliveHours: number): Promise<void> {
    if (this.identity.revision >= 1) await this.connection.request('setKeepAlive', { keepAliveHours });
  }

  /** Tells the other clients that a person types so many characters; the input itself is written after it. */
  tellTyped(sessionId: string, characters: number): void {
    if (this.identity.revision >= 1) this.connection.notify('typed', { sessionId, characters });
  }

  /** Starts a program in a terminal. If the wait ends early, a session that comes up all the same is closed again. */
  create(params: PtyCreateParams, signal?: AbortSignal): Promise<{ readonly sessionId: string; readonly pid: number }> {
    const onLateResult = (result: unknown) => {
      const { sessionId } = result as PtyRequests['create']['result'];
      this.ignoreFailure('close', this.close(sessionId));
    };
    return this.connection.request('create', params, { timeoutMs: createTimeoutMs, signal, onLateResult });
  }

  /**
   * Sends input, in order with other writes of this client. Resolves once the host has all of it, for which it waits up
   * to 5 s if the program does not read. It is taken whole, or refused whole with `ResourceLimit`; `signal` ends the wait
   * for room, and nothing after that.
   */
  async write(sessionId: string, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    const before = this.writes.get(sessionId);
    const written = (before ?? Promise.resolve()).then(() => this.writePieces(sessionId, data, signal));
    // The next write is tried whatever became of this one, whose caller has the error.
    const settled = written
      .catch(() => undefined)
      .then(() => {
        if (this.writes.get(sessionId) === settled) this.writes.delete(sessionId);
      });
    this.writes.set(sessionId, settled);
    await written;
  }

  private async writePieces(sessionId: string, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw new CodedError('Cancelled', 'The input was not sent: its request was cancelled.');
    if (data.length > maxWriteBytes) await this.inputRoom(sessionId, data.length, signal);
    for (let start = 0; start < data.length; start += maxWriteBytes) {
      const piece = data.subarray(start, start + maxWriteBytes);
      const send = (): Promise<unknown> => this.connection.send('write', (id) => encodeWrite(id, sessionId, piece));
      try {
        await send();
      } catch (error) {
        if (!(error instanceof CodedError && error.reason === 'ResourceLimit') || this.identity.revision < 1)
          throw error;
        // Of a long input, somebody else has taken the room; the rest of it follows all the same.
        await this.inputRoom(sessionId, data.length - start, start === 0 ? signal : undefined);
        await send();
      }
    }
  }

  private async inputRoom(sessionId: string, bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.identity.revision < 1) return;
    const params = { sessionId, bytes, waitMs: inputWaitMs };
    await this.connection.request('awaitInputRoom', params, { timeoutMs: 2 * inputWaitMs, signal });
  }

  async resize(sessionId: string, size: { cols: number; rows: number }, signal?: AbortSignal): Promise<void> {
    await this.connection.request('resize', { sessionId, cols: size.cols, rows: size.rows }, { signal });
  }

  /** Sends `name` to the foreground process group of the terminal. */
  async signal(sessionId: string, name: PtySignal, signal?: AbortSignal): Promise<void> {
    await this.connection.request('signal', { sessionId, signal: name }, { signal });
  }

  /** Ends every process of the session and forgets it. Resolves once they are gone. */
  async close(sessionId: string, signal?: AbortSignal): Promise<void> {
    await this.connection.request('close', { sessionId }, { timeoutMs: closeTimeoutMs, signal });
  }

  /** Drops a session that has exited, once its exit has been taken note of. */
  async forget(sessionId: string, signal?: AbortSignal): Promise<void> {
    await this.connection.request('forget', { sessionId }, { signal });
  }

  /** Every session in the order of creation, those that have exited included. */
  async list(signal?: AbortSignal): Promise<readonly PtySessionInfo[]> {
    const sessions: PtySessionInfo[] = [];
    let cursor: number | null = 0;
    while (cursor !== null) {
      const page: PtyRequests['list']['result'] = await this.connection.request('list', { cursor }, { signal });
      sessions.push(...page.sessions);
      cursor = page.nextCursor;
    }
    return sessions;
  }

  async setMetadata(sessionId: string, metadata: string, signal?: AbortSignal): Promise<void> {
    await this.connection.request('setMetadata', { sessionId, metadata }, { signal });
  }

  async setCheckpoint(sessionId: string, checkpoint: PtyCheckpoint, signal?: AbortSignal): Promise<void> {
    const encode = (id: number) => encodeSetCheckpoint({ id, sessionId, ...checkpoint });
    await this.connection.send('setCheckpoint', encode, { signal });
  }

  /** Every mark kept of a session from `fromIndex` on, the oldest first. */
  async getMarks(sessionId: string, fromIndex = 0, signal?: AbortSignal): Promise<PtyMark[]> {
    const marks: PtyMark[] = [];
    for (let next = fromIndex; ;) {
      const params = { sessionId, fromIndex: next };
      const page = await this.connection.request('getMarks', params, { signal });
      if (page.marks.length === 0) return marks;
      marks.push(...page.marks);
      next = page.nextIndex;
    }
  }

  /** The screen kept for a session, or null where there is none. */
  async getCheckpoint(sessionId: string, signal?: AbortSignal): Promise<PtyCheckpoint | null> {
    const answer: object = await this.connection.request('getCheckpoint', { sessionId }, { signal });
    return 'data' in answer ? (answer as PtyCheckpoint) : null;
  }

  /**
   * Starts to read a session's output. What arrives is held, at most `windowBytes` of it, until `listen` is called on
   * the result; the owner disposes it.
   */
  async subscribe(options: PtySubscribeOptions, signal?: AbortSignal): Promise<PtySubscription> {
    const subscriptionId = this.nextSubscriptionId++;
    const held = new HeldPtySubscription({
      acknowledge: (offset) => this.connection.notify('acknowledge', { subscriptionId, offset }),
      release: () => this.unsubscribe(subscriptionId),
      listenerFailed: (error) => this.log.error('A listener of terminal output failed', { error }),
    });
    this.subscriptions.set(subscriptionId, held);
    try {
      const { sessionId, fromOffset, windowBytes = defaultWindowBytes } = options;
      const where = fromOffset === undefined ? {} : { fromOffset };
      const params = { sessionId, subscriptionId, windowBytes, ...where };
      const onLateResult = () => this.unsubscribe(subscriptionId);
      held.start(await this.connection.request('subscribe', params, { signal, onLateResult }));
      return held;
    } catch (error) {
      this.subscriptions.delete(subscriptionId);
      throw error;
    }
  }

  /**
   * Tells the host that somebody looks at a session. `onAnswering` is called if this one is to answer later on. A host of an
   * older version knows no viewers: there everybody answers who can.
   */
  async view(
    { sessionId, canAnswer, onAnswering }: { sessionId: string; canAnswer: boolean; onAnswering: () => void },
    signal?: AbortSignal,
  ): Promise<PtyView> {
    const viewerId = this.nextViewerId++;
    const end = (): void => {
      if (!this.onAnswering.delete(viewerId) || this.isClosed) return;
      this.ignoreFailure('unview', this.connection.request('unview', { viewerId }));
    };
    this.onAnswering.set(viewerId, onAnswering);
    try {
      const params = { sessionId, viewerId, canAnswer };
      const onLateResult = () => this.ignoreFailure('unview', this.connection.request('unview', { viewerId }));
      const { answers } = await this.connection.request('view', params, { signal, onLateResult });
      return { answers, dispose: end };
    } catch (error) {
      this.onAnswering.delete(viewerId);
      if (error instanceof CodedError && error.reason === 'Unsupported') {
        return { answers: canAnswer, dispose: () => undefined };
      }
      throw error;
    }
  }

  dispose(): void {
    this.connection.dispose();
    for (const emitter of [this.sessionsChanged, this.marked, this.checkpointDue, this.typedElsewhere])
      emitter.dispose();
    this.closed.dispose();
  }

  private unsubscribe(subscriptionId: number): void {
    this.subscriptions.delete(subscriptionId);
    if (this.isClosed) return;
    this.ignoreFailure('unsubscribe', this.connection.request('unsubscribe', { subscriptionId }));
  }

  private notified(method: string, params: Readonly<Record<string, unknown>>): void {
    const told = params as unknown;
    if (method === 'sessionsChanged') {
      return this.sessionsChanged.fire(told as PtyHostNotifications['sessionsChanged']);
    }
    if (method === 'marked') return this.marked.fire(told as PtyHostNotifications['marked']);
    if (method === 'answering') {
      return this.onAnswering.get((told as PtyHostNotifications['answering']).viewerId)?.();
    }
    if (method === 'checkpointDue') return this.checkpointDue.fire(told as PtyHostNotifications['checkpointDue']);
    if (method === 'typed') return this.typedElsewhere.fire(told as PtyHostNotifications['typed']);
    const subscriptionId = params['subscriptionId'];
    const subscription = typeof subscriptionId === 'number' ? this.subscriptions.get(subscriptionId) : undefined;
    if (method === 'gap') {
      const gap = params as unknown as PtyHostNotifications['gap'];
      subscription?.deliver({ kind: 'gap', from: gap.from, to: gap.to, checkpointOffset: gap.checkpointOffset });
    } else if (method === 'exited') {
      const exit = params as unknown as PtyHostNotifications['exited'];
      subscription?.deliver({
        kind: 'exited',
        exitCode: exit.exitCode,
        signal: exit.signal,
        endOffset: exit.endOffset,
      });
    } else if (method === 'ended') {
      subscription?.deliver({ kind: 'ended' });
      this.subscriptions.delete(subscriptionId as number);
    }
    // Anything else is from a newer host; this version of the protocol lets a client pass over what it does not know.
  }

  private lost(error: CodedError): void {
    this.log.debug('Connection to the pty host closed', { reason: error.message });
    const subscriptions = [...this.subscriptions.values()];
    this.subscriptions.clear();
    for (const subscription of subscriptions) subscription.deliver({ kind: 'ended' });
    this.closed.fire(error);
  }

  private ignoreFailure(what: string, promise: Promise<unknown>): void {
    promise.catch((error: unknown) => this.log.debug('A clean-up request to the pty host failed', { what, error }));
  }
}
