import type { Socket } from 'node:net';
import type { Logger } from '../base/logger.ts';
import { decodeSetCheckpoint, decodeWrite } from '../ptyProtocol/binaryFrames.ts';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import { decodeControl, encodeControl, FrameDecoder, frameType, type Frame } from '../ptyProtocol/frames.ts';
import {
  handshakeTimeoutMs,
  maxCheckpointBytes,
  maxFrameBytes,
  maxHandshakeFrameBytes,
  maxPendingInputBytes,
  maxWriteBytes,
} from '../ptyProtocol/limits.ts';
import type { PtyClientNotifications, PtyHandshake, PtyHostNotifications } from '../ptyProtocol/messages.ts';
import { ClientSubscriptions } from './clientSubscriptions.ts';
import { ClientViews } from './clientViews.ts';
import { HostHandshake } from './hostHandshake.ts';
import { handleRequest } from './requestHandlers.ts';
import { ParamReader, readSubscriptionId } from './requestParams.ts';
import type { SessionTable } from './sessionTable.ts';
import type { ClientPort } from './subscription.ts';

/** Unsent bytes at which no more output is read from the rings, and no more requests from the client. */
const congestedBytes = 262_144;
/** Unsent bytes at which a client that does not read is let go: only notices to all clients can still pile up. */
const abandonBytes = 4_194_304;
/** Requests (create, signal, close) that may be under way for one client. */
const maxRunningRequests = 256;

/** How long a refused client has to read why. */
const endLimitMs = 1_000;

/** What a connection belongs to. */
export interface ClientContext {
  /** The token as it is now: deleting its file makes a new one, also while this host runs. */
  readonly readToken: () => Uint8Array | undefined;
  readonly welcome: PtyHandshake['welcome']['welcome'];
  readonly sessions: SessionTable;
  readonly log: Logger;
  /** The client has proved itself, or has changed its mind: for how many hours it wants idle shells kept, if it cares. */
  readonly onKeepAlive: (client: ClientConnection, hours: number | undefined) => void;
  /** A person types into a session that is there, by way of this client. */
  readonly onTyped: (client: ClientConnection, typed: PtyHostNotifications['typed']) => void;
  /** Called once, whichever side ended it. */
  readonly onClosed: (client: ClientConnection) => void;
}

/** One client, from its first byte to its last. Whatever it does, it harms only its own connection. */
export class ClientConnection implements ClientPort {
  readonly subscriptions = new ClientSubscriptions(this);
  private readonly views = new ClientViews(this);
  /** When the client was last heard of, in the time of `performance.now()`. */
  lastReceivedMs = performance.now();
  private readonly socket: Socket;
  private readonly context: ClientContext;
  private readonly decoder = new FrameDecoder(maxHandshakeFrameBytes);
  private readonly handshakeLimit: NodeJS.Timeout;
  private handshake: HostHandshake | undefined;
  private runningRequests = 0;
  /** The last word was said; nothing more is read or written. */
  private isEnding = false;
  private endLimit: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(socket: Socket, context: ClientContext) {
    this.socket = socket;
    this.context = context;
    this.handshake = new HostHandshake(context.readToken);
    const slow = new PtyProtocolError('Unauthenticated', `The handshake was not done within ${handshakeTimeoutMs} ms.`);
    this.handshakeLimit = setTimeout(() => this.refuse(slow), handshakeTimeoutMs);
    socket.on('data', (chunk: Buffer) => {
      this.lastReceivedMs = performance.now();
      this.decoder.push(chunk);
      this.readFrames();
    });
    socket.on('drain', () => this.drained());
    socket.on('error', (error) => context.log.debug('A client connection failed', { error }));
    socket.on('close', () => this.close());
  }

  get isOpen(): boolean {
    return !this.isEnding && !this.isClosed && this.handshake === undefined;
  }

  get isCongested(): boolean {
    return this.socket.writableLength > congestedBytes;
  }

  send(frame: Buffer): void {
    if (this.isClosed || this.isEnding) return;
    this.joinWrites();
    this.socket.write(frame);
    if (this.socket.writableLength <= abandonBytes) return;
    this.context.log.warn('A client does not read what it is sent and was let go', { bytes: abandonBytes });
    this.close();
  }

  /** What is sent in one turn goes out in one write: of a terminal with many viewers each gets a frame. */
  private joinWrites(): void {
    if (this.socket.writableCorked > 0) return;
    this.socket.cork();
    process.nextTick(() => this.socket.uncork());
  }

  notify<N extends keyof PtyHostNotifications>(method: N, params: PtyHostNotifications[N]): void {
    if (!this.isOpen) return;
    if (method === 'ended') this.subscriptions.drop((params as PtyHostNotifications['ended']).subscriptionId);
    this.send(encodeControl({ notify: method, params }));
  }

  /** Ends the connection now; what was not sent is dropped. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.handshakeLimit);
    clearTimeout(this.endLimit);
    this.subscriptions.dispose();
    this.views.dispose();
    this.socket.destroy();
    this.context.onClosed(this);
  }

  /** Handles what has come, until the client would have to read before it may say more. */
  private readFrames(): void {
    try {
      while (!this.isClosed && !this.isEnding && !this.isCongested && this.runningRequests < maxRunningRequests) {
        const frame = this.decoder.next();
        if (!frame) return;
        this.dispatch(frame);
      }
      if (!this.isClosed && !this.isEnding) this.socket.pause();
    } catch (error) {
      this.refuse(error);
    }
  }

  private drained(): void {
    this.subscriptions.advanceAll();
    this.readOn();
  }

  /** Goes on after a pause; harmless where there was none. */
  private readOn(): void {
    if (this.isClosed || this.isEnding || !this.socket.isPaused()) return;
    this.socket.resume();
    this.readFrames();
  }

  private dispatch(frame: Frame): void {
    if (this.handshake) return this.shakeHands(this.handshake, frame);
    if (frame.type === frameType.write) {
      const { id, sessionId, data } = decodeWrite(frame.body);
      return this.answer(id, () => {
        limitBytes('input', data, maxWriteBytes);
        // What the program does not take at once is kept.
        this.context.sessions.get(sessionId).write(Buffer.from(data));
        return {};
      });
    }
    if (frame.type === frameType.setCheckpoint) {
      const { id, sessionId, offset, data } = decodeSetCheckpoint(frame.body);
      return this.answer(id, () => {
        limitBytes('checkpoint', data, maxCheckpointBytes);
        this.context.sessions.get(sessionId).setCheckpoint(offset, Buffer.from(data));
        return {};
      });
    }
    if (frame.type !== frameType.control) {
      throw new PtyProtocolError('ProtocolViolation', `Frames of type ${frame.type} come from the host only.`);
    }
    this.control(decodeControl(frame.body));
  }

  private shakeHands(handshake: HostHandshake, frame: Frame): void {
    if (frame.type !== frameType.control) {
      throw new PtyProtocolError('Unauthenticated', 'The handshake is not done yet.');
    }
    const answer = handshake.take(decodeControl(frame.body));
    if ('challenge' in answer) return this.send(encodeControl(answer));
    clearTimeout(this.handshakeLimit);
    this.handshake = undefined;
    this.decoder.maxBytes = maxFrameBytes;
    this.send(encodeControl({ welcome: this.context.welcome }));
    this.context.onKeepAlive(this, answer.keepAliveHours);
  }

  private control(message: Readonly<Record<string, unknown>>): void {
    const { id, method, params, notify } = message;
    if (typeof id === 'number' && Number.isInteger(id) && id > 0 && id <= 0xffff_ffff && typeof method === 'string') {
      const { sessions, onKeepAlive } = this.context;
      const { subscriptions, views } = this;
      const setKeepAlive = (hours: number | undefined): void => onKeepAlive(this, hours);
      const context = { id, sessions, subscriptions, views, setKeepAlive };
      return this.answer(id, () => handleRequest(method, params, context));
    }
    if (notify === 'acknowledge' || notify === 'typed') return this.notified(notify, new ParamReader(notify, params));
    throw new PtyProtocolError(
      'ProtocolViolation',
      'A control frame holds neither a request nor a known notification.',
    );
  }

  private notified(method: keyof PtyClientNotifications, reader: ParamReader): void {
    if (method === 'acknowledge') {
      const subscriptionId = readSubscriptionId(reader);
      const offset = reader.integer('offset', 0, Number.MAX_SAFE_INTEGER);
      reader.finish();
      return this.subscriptions.acknowledge(subscriptionId, offset);
    }
    const sessionId = reader.sessionId();
    const characters = reader.integer('characters', 0, maxPendingInputBytes);
    reader.finish();
    // A session that has just gone is no mistake of the client's.
    if (this.context.sessions.has(sessionId)) this.context.onTyped(this, { sessionId, characters });
  }

  /**
   * Runs a request and sends its answer, whatever happens in it. What is known at once is sent at once, so that a client
   * which asks for much in one go is read from only as fast as it reads.
   */
  private answer(id: number, run: () => object | Promise<object>): void {
    let result: object | Promise<object>;
    try {
      result = run();
    } catch (error) {
      return this.sendFailure(id, error);
    }
    if (!(result instanceof Promise)) return this.sendResult(id, result);
    this.runningRequests++;
    void result
      .then(
        (settled: object) => this.sendResult(id, settled),
        (error: unknown) => this.sendFailure(id, error),
      )
      .then(() => {
        this.runningRequests--;
        this.readOn();
      })
      .catch((error: unknown) => this.refuse(error));
  }

  private sendResult(id: number, result: object): void {
    this.send(Buffer.isBuffer(result) ? result : encodeControl({ id, result }));
  }

  private sendFailure(id: number, error: unknown): void {
    if (!(error instanceof PtyProtocolError)) this.context.log.error('A request failed', { error });
    const { code, message } =
      error instanceof PtyProtocolError
        ? error
        : { code: 'Internal', message: 'The pty host failed at this request; its log says why.' };
    this.send(encodeControl({ id, error: { code, message } }));
  }

  /** Says why, and hangs up. Only this client is concerned. */
  private refuse(error: unknown): void {
    if (this.isClosed || this.isEnding) return;
    this.isEnding = true;
    const isCoded = error instanceof PtyProtocolError;
    const code = isCoded ? error.code : 'Internal';
    this.context.log.warn('A client connection was refused', { code, error });
    const message = isCoded ? error.message : 'The pty host failed at this message; its log says why.';
    this.socket.end(encodeControl({ refused: { code, message } }));
    // Nothing of a refused client is read any more, and a client that does not hang up itself is not waited for.
    this.socket.removeAllListeners('data');
    this.socket.resume();
    clearTimeout(this.handshakeLimit);
    this.subscriptions.dispose();
    this.views.dispose();
    this.endLimit = setTimeout(() => this.close(), endLimitMs);
  }
}

function limitBytes(what: string, data: Buffer, limitBytes: number): void {
  if (data.length <= limitBytes) return;
  throw new PtyProtocolError('InvalidParams', `The ${what} has ${data.length} bytes; ${limitBytes} are allowed.`);
}
