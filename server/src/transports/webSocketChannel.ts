import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
} from 'vscode-jsonrpc/node';
import type { WebSocket } from 'ws';
import type { Logger } from '../base/logger.ts';
import { parseMessage } from './jsonRpcMessage.ts';

/** Who sends more texts that are no messages, or answers to what nobody asked, has no business here. */
const maxMalformed = 10;
/** Requests of ours that a client has not answered; of more, the answer to the oldest is one to what nobody asked. */
const maxAsked = 256;
/** Who reads so slowly that more waits for it gets nothing more; it resumes from the last number it has seen. */
const maxBufferedBytes = 16 * 1024 * 1024;

/** Close codes of RFC 6455, and 1013 of its registry. */
export const closeCodes = { goingAway: 1001, unsupportedData: 1003, policy: 1008, tryAgainLater: 1013 } as const;

/** Texts that wait to be worked off; beyond them nothing more is read from the client. */
const maxWaiting = { texts: 256, chars: 4 * 1024 * 1024 };

export interface WebSocketReaderOptions {
  readonly socket: WebSocket;
  readonly writer: WebSocketWriter;
  /** Counts a cancellation, of which the router hears nothing; false where it is one too many. */
  readonly admitsCancellation: () => boolean;
}

/** One text frame is one JSON-RPC message. They are worked off one a turn of the event loop, in their order. */
export class WebSocketReader extends AbstractMessageReader {
  private readonly socket: WebSocket;
  private readonly options: WebSocketReaderOptions;
  private readonly waiting: string[] = [];
  private waitingChars = 0;
  private isScheduled = false;
  private hasStopped = false;
  private malformed = 0;

  constructor(options: WebSocketReaderOptions) {
    super();
    this.socket = options.socket;
    this.options = options;
  }

  get isStopped(): boolean {
    return this.hasStopped;
  }

  /** Nothing that has come and was not delivered yet is delivered any more, nor what still comes. */
  stop(): void {
    this.hasStopped = true;
    this.waiting.length = 0;
  }

  listen(callback: DataCallback): Disposable {
    const { socket } = this;
    const onMessage = (data: Buffer, isBinary: boolean): void => {
      // Whoever is being sent away may still send: nothing of it is done.
      if (this.hasStopped || socket.readyState !== socket.OPEN) return;
      if (isBinary) socket.close(closeCodes.unsupportedData, 'Send messages as text.');
      else this.take(data.toString('utf8'), callback);
    };
    const onClose = (): void => this.fireClose();
    socket.on('message', onMessage);
    socket.once('close', onClose);
    return {
      dispose: () => {
        this.stop();
        socket.off('message', onMessage);
        socket.off('close', onClose);
      },
    };
  }

  private take(text: string, callback: DataCallback): void {
    this.waiting.push(text);
    this.waitingChars += text.length;
    if (this.waiting.length >= maxWaiting.texts || this.waitingChars >= maxWaiting.chars) this.socket.pause();
    this.schedule(callback);
  }

  private schedule(callback: DataCallback): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.deliverNext(callback);
    });
  }

  private deliverNext(callback: DataCallback): void {
    const text = this.waiting.shift();
    if (text === undefined || this.socket.readyState !== this.socket.OPEN) return;
    this.waitingChars -= text.length;
    if (this.socket.isPaused && this.waiting.length < maxWaiting.texts / 2) this.socket.resume();
    if (this.waiting.length > 0) this.schedule(callback);
    this.deliver(text, callback);
  }

  private deliver(text: string, callback: DataCallback): void {
    const parsed = parseMessage(text);
    const { writer, admitsCancellation } = this.options;
    if ('refusal' in parsed) {
      if (!this.countMalformed()) void writer.write(parsed.refusal);
      return;
    }
    const message = parsed.message as Message & { readonly method?: unknown; readonly id?: unknown };
    if (typeof message.method !== 'string' && !writer.takeAsked(message.id)) {
      this.countMalformed();
    } else if (message.method !== '$/cancelRequest' || admitsCancellation()) callback(message);
  }

  /** Whether that was one too many, and the end. */
  private countMalformed(): boolean {
    this.malformed += 1;
    if (this.malformed <= maxMalformed) return false;
    this.socket.close(closeCodes.policy, 'Too many texts that are no messages, or answer nothing.');
    return true;
  }
}

/** Writes to one client, for which no more than 16 MiB may wait. */
export class WebSocketWriter extends AbstractMessageWriter {
  private readonly socket: WebSocket;
  private readonly logger: Logger;
  /** Ids of requests to the client, the oldest first. */
  private readonly asked = new Set<unknown>();

  constructor(socket: WebSocket, logger: Logger) {
    super();
    this.socket = socket;
    this.logger = logger;
  }

  /** Resolves once the bytes are with the system, or the client has gone, of which the close tells. */
  write(message: object): Promise<void> {
    if ('method' in message && 'id' in message) this.noteAsked(message.id);
    return this.send(JSON.stringify(message));
  }

  /** Whether the client was asked something under that id and has not answered yet; from now on it has. */
  takeAsked(id: unknown): boolean {
    return this.asked.delete(id);
  }

  /** As `write`; `frame` must be nobody else's. */
  async send(frame: string | Buffer): Promise<void> {
    const { socket } = this;
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > maxBufferedBytes) {
      this.logger.warn('A WebSocket is closed: its client does not read', { bufferedBytes: socket.bufferedAmount });
      socket.close(
        closeCodes.tryAgainLater,
        'Too much waits for you: attach again from the last number you have seen.',
      );
      return;
    }
    await new Promise<void>((resolve) => socket.send(frame, () => resolve()));
  }

  /** Answers a ping. Who sends so many and reads so few of the answers that they fill the same 16 MiB is cut off. */
  pong(data: Buffer): void {
    const { socket } = this;
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount <= maxBufferedBytes) {
      socket.pong(data);
      return;
    }
    this.logger.warn('A WebSocket is cut off: it pings and does not read', { bufferedBytes: socket.bufferedAmount });
    socket.terminate();
  }

  end(): void {
    this.socket.close(closeCodes.goingAway);
  }

  private noteAsked(id: unknown): void {
    this.asked.add(id);
    const [oldest] = this.asked;
    if (this.asked.size > maxAsked) this.asked.delete(oldest);
  }
}
