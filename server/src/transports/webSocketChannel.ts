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

/** Who sends more texts that are no messages has no business here. */
const maxMalformed = 10;
/** Who reads so slowly that more waits for it gets nothing more; it resumes from the last number it has seen. */
const maxBufferedBytes = 16 * 1024 * 1024;

/** Close codes of RFC 6455, and 1013 of its registry. */
export const closeCodes = { goingAway: 1001, unsupportedData: 1003, policy: 1008, tryAgainLater: 1013 } as const;

/** Texts that wait to be worked off; beyond them nothing more is read from the client. */
const maxWaiting = { texts: 256, chars: 4 * 1024 * 1024 };

/** One text frame is one JSON-RPC message. They are worked off one a turn of the event loop, in their order. */
export class WebSocketReader extends AbstractMessageReader {
  private readonly socket: WebSocket;
  private readonly writer: WebSocketWriter;
  private readonly waiting: string[] = [];
  private waitingChars = 0;
  private isScheduled = false;
  private malformed = 0;

  constructor(socket: WebSocket, writer: WebSocketWriter) {
    super();
    this.socket = socket;
    this.writer = writer;
  }

  listen(callback: DataCallback): Disposable {
    const { socket } = this;
    const onMessage = (data: Buffer, isBinary: boolean): void => {
      // Whoever is being sent away may still send: nothing of it is done.
      if (socket.readyState !== socket.OPEN) return;
      if (isBinary) socket.close(closeCodes.unsupportedData, 'Send messages as text.');
      else this.take(data.toString('utf8'), callback);
    };
    const onClose = (): void => this.fireClose();
    socket.on('message', onMessage);
    socket.once('close', onClose);
    return {
      dispose: () => {
        this.waiting.length = 0;
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
    if ('message' in parsed) {
      callback(parsed.message as Message);
      return;
    }
    this.malformed += 1;
    if (this.malformed > maxMalformed) this.socket.close(closeCodes.policy, 'Too many texts that are no messages.');
    else void this.writer.write(parsed.refusal);
  }
}

/** Writes to one client, for which no more than 16 MiB may wait. */
export class WebSocketWriter extends AbstractMessageWriter {
  private readonly socket: WebSocket;
  private readonly logger: Logger;

  constructor(socket: WebSocket, logger: Logger) {
    super();
    this.socket = socket;
    this.logger = logger;
  }

  /** Resolves once the bytes are with the system, or the client has gone, of which the close tells. */
  write(message: object): Promise<void> {
    return this.send(JSON.stringify(message));
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
}
