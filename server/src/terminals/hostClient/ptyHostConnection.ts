import { CodedError } from '../../../protocol/errors.ts';
import type { Disposable } from '../../base/disposable.ts';
import { decodeCheckpoint, decodeOutput, type OutputFrame } from '../../ptyProtocol/binaryFrames.ts';
import { isPtyErrorCode } from '../../ptyProtocol/errors.ts';
import { decodeControl, encodeControl, FrameDecoder, frameType, type Frame } from '../../ptyProtocol/frames.ts';
import { heartbeatIntervalMs } from '../../ptyProtocol/limits.ts';
import type { PtyClientNotifications, PtyMethod, PtyRequests } from '../../ptyProtocol/messages.ts';
import { codeOf, HostSocket } from './hostSocket.ts';
import { fromPtyHost, unavailable } from './ptyHostErrors.ts';
import { performHandshake, type HandshakeOptions, type PtyHostIdentity } from './ptyHostHandshake.ts';

/** What a connection tells its owner. `closed` comes once, after every waiting request was rejected. */
export interface PtyHostConnectionListener {
  /** The frame is valid during the call only. */
  output(frame: OutputFrame): void;
  notified(method: string, params: Readonly<Record<string, unknown>>): void;
  closed(error: CodedError): void;
}

/** How long a request may take, and what ends the wait early. */
export interface PtyRequestOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with the answer when it comes after the wait was given up. */
  readonly onLateResult?: (result: unknown) => void;
}

/** Where a pty host listens and what to show it. */
export interface PtyHostTarget extends HandshakeOptions {
  readonly address: string;
}

interface Waiting {
  settle(error: CodedError | undefined, result: unknown): void;
}

const defaultTimeoutMs = 5_000;
/** Requests sent and not answered. The host answers in microseconds; so many waiting means that it hangs. */
const maxWaitingRequests = 4_096;
/** Silence, heartbeats included, after which the host is taken for dead: two missed answers and a second of grace. */
const silenceLimitMs = 2 * heartbeatIntervalMs + 1_000;

/** Frames and requests over one authenticated socket. Typed calls stand above it, in `PtyHostClient`. */
export class PtyHostConnection implements Disposable {
  readonly identity: PtyHostIdentity;
  private readonly socket: HostSocket['socket'];
  private readonly decoder: FrameDecoder;
  private readonly listener: PtyHostConnectionListener;
  private readonly waiting = new Map<number, Waiting>();
  private readonly heartbeat: NodeJS.Timeout;
  private nextId = 1;
  private lastReceivedMs = performance.now();
  private lastTickMs = performance.now();
  private closedWith: CodedError | undefined;

  /** Connects and shakes hands; rejects with `Unavailable` where no genuine host of this version answers. */
  static async open(target: PtyHostTarget, listener: PtyHostConnectionListener): Promise<PtyHostConnection> {
    const wire = await HostSocket.connect(target.address);
    const { socket } = wire;
    // Until the connection takes over, a lost socket shows as its `close`; an `error` without a listener would throw.
    const ignoreError = () => undefined;
    socket.on('error', ignoreError);
    const decoder = new FrameDecoder();
    try {
      const identity = await performHandshake(wire, decoder, target);
      return new PtyHostConnection({ wire, decoder, listener, identity });
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      socket.off('error', ignoreError);
    }
  }

  private constructor(parts: {
    wire: HostSocket;
    decoder: FrameDecoder;
    listener: PtyHostConnectionListener;
    identity: PtyHostIdentity;
  }) {
    this.socket = parts.wire.socket;
    this.decoder = parts.decoder;
    this.listener = parts.listener;
    this.identity = parts.identity;
    this.socket.on('error', (error) =>
      this.close(unavailable(`The connection to the pty host failed (${codeOf(error)}).`, error)),
    );
    this.socket.on('close', () => this.close(unavailable('The pty host closed the connection or has ended.')));
    parts.wire.take = (chunk) => this.receive(chunk);
    this.heartbeat = setInterval(() => this.beat(), heartbeatIntervalMs);
    if (this.decoder.pendingBytes > 0) setImmediate(() => this.receive(Buffer.alloc(0)));
  }

  get isClosed(): boolean {
    return this.closedWith !== undefined;
  }

  request<M extends PtyMethod>(
    method: M,
    params: PtyRequests[M]['params'],
    options: PtyRequestOptions = {},
  ): Promise<PtyRequests[M]['result']> {
    return this.send(method, (id) => encodeControl({ id, method, params }), options) as Promise<
      PtyRequests[M]['result']
    >;
  }

  /** Sends the frame that `encode` makes for a fresh request id, and waits for its answer. `name` is for messages. */
  send(name: string, encode: (id: number) => Buffer, options: PtyRequestOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted) return reject(cancelled(name));
      if (this.closedWith) return reject(this.closedWith);
      if (this.waiting.size >= maxWaitingRequests) {
        return reject(unavailable(`The pty host has ${maxWaitingRequests} requests waiting; "${name}" was not sent.`));
      }
      const id = this.nextId;
      this.nextId = id === 0xffff_ffff ? 1 : id + 1;
      const frame = encode(id);
      const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
      const giveUp = (error: CodedError) => {
        stopWaiting();
        // The entry stays, so that a late answer (a terminal created, say) can still be dealt with.
        if (options.onLateResult) this.waiting.set(id, lateWaiting(options.onLateResult));
        else this.waiting.delete(id);
        reject(error);
      };
      const timer = setTimeout(() => giveUp(timedOut(name, timeoutMs)), timeoutMs);
      const onAbort = () => giveUp(cancelled(name));
      const stopWaiting = () => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
      };
      options.signal?.addEventListener('abort', onAbort, { once: true });
      this.waiting.set(id, {
        settle: (error, result) => {
          stopWaiting();
          if (error) reject(error);
          else resolve(result);
        },
      });
      this.socket.write(frame);
    });
  }

  notify<N extends keyof PtyClientNotifications>(method: N, params: PtyClientNotifications[N]): void {
    if (!this.closedWith) this.socket.write(encodeControl({ notify: method, params }));
  }

  dispose(): void {
    this.close(unavailable('The connection to the pty host was closed.'));
  }

  private receive(chunk: Buffer): void {
    this.lastReceivedMs = performance.now();
    try {
      if (chunk.length > 0) this.decoder.push(chunk);
      for (let frame = this.decoder.next(); frame && !this.closedWith; frame = this.decoder.next())
        this.dispatch(frame);
    } catch (error) {
      this.close(
        new CodedError('Internal', 'The pty host sent bytes that cannot be understood; reconnecting.', {
          cause: error,
        }),
      );
    }
  }

  private dispatch(frame: Frame): void {
    if (frame.type === frameType.output) return this.listener.output(decodeOutput(frame.body));
    if (frame.type === frameType.checkpoint) {
      const { id, offset, data } = decodeCheckpoint(frame.body);
      return this.settle(id, undefined, { offset, data: Buffer.from(data) });
    }
    const message = decodeControl(frame.body);
    const { id, error, notify, params } = message;
    if (typeof notify === 'string') return this.listener.notified(notify, params as Readonly<Record<string, unknown>>);
    if (typeof id === 'number') this.settle(id, error, message['result']);
  }

  private settle(id: number, error: unknown, result: unknown): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.settle(error === undefined ? undefined : readError(error), result);
  }

  private beat(): void {
    const nowMs = performance.now();
    // After a sleep of the machine, or when this process was blocked, silence says nothing about the host.
    const wasLate = nowMs - this.lastTickMs > heartbeatIntervalMs + 2_000;
    this.lastTickMs = nowMs;
    if (wasLate) this.lastReceivedMs = nowMs;
    if (nowMs - this.lastReceivedMs > silenceLimitMs) {
      return this.close(unavailable(`The pty host has not answered for ${Math.round(silenceLimitMs / 1000)} s.`));
    }
    // A lost answer shows in `lastReceivedMs`; the promise itself is of no interest.
    this.request('ping', {}, { timeoutMs: silenceLimitMs }).catch(() => undefined);
  }

  private close(error: CodedError): void {
    if (this.closedWith) return;
    this.closedWith = error;
    clearInterval(this.heartbeat);
    this.socket.destroy();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const one of waiting) one.settle(error, undefined);
    this.listener.closed(error);
  }
}

function lateWaiting(onLateResult: (result: unknown) => void): Waiting {
  return { settle: (error, result) => (error ? undefined : onLateResult(result)) };
}

function readError(error: unknown): CodedError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return fromPtyHost(isPtyErrorCode(code) ? code : 'Internal', typeof message === 'string' ? message : 'Unknown error');
}

function cancelled(name: string): CodedError {
  return new CodedError('Cancelled', `The pty host's "${name}" was cancelled.`);
}

function timedOut(name: string, timeoutMs: number): CodedError {
  return new CodedError('TimedOut', `The pty host did not answer "${name}" within ${timeoutMs} ms.`);
}
