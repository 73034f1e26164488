import { AbstractMessageReader, type DataCallback, type Disposable } from 'vscode-jsonrpc/node';
import type { WebSocket } from 'ws';
import { closeCodes } from './closeCodes.ts';
import { parseMessage, repeatedId, type MessageRefusal, type ParsedMessage } from './jsonRpcMessage.ts';
import type { WebSocketWriter } from './webSocketWriter.ts';

/** Who sends more texts that are no messages, or answers to what nobody asked, has no business here. */
const maxMalformed = 10;

/** Texts that wait to be worked off; beyond them nothing more is read from the client. */
const maxWaiting = { texts: 256, chars: 4 * 1024 * 1024 };

export interface WebSocketReaderOptions {
  readonly socket: WebSocket;
  readonly writer: WebSocketWriter;
  /** Counts a text of which nothing was looked at yet; false where it is too much. */
  readonly admitsText: (chars: number) => boolean;
  /** Counts a notification of which the router hears nothing; false where it is one too many. */
  readonly admitsNotification: (method: string) => boolean;
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
    if (!this.options.admitsText(text.length)) {
      this.socket.close(closeCodes.tryAgainLater, 'Too much within a minute.');
      return;
    }
    const parsed = parseMessage(text);
    if ('refusal' in parsed) this.countMalformed(parsed.refusal);
    else this.dispatch(parsed.message, callback);
  }

  private dispatch(message: ParsedMessage, callback: DataCallback): void {
    const { writer, admitsNotification } = this.options;
    const { method, id } = message;
    if (method === undefined) {
      if (writer.asked.end(id)) callback(message);
      // To answer what answers nothing could go on for ever.
      else this.countMalformed(undefined);
    } else if (id !== undefined) {
      if (writer.requests.begin(id)) callback(message);
      else this.countMalformed(repeatedId());
    } else if (!method.startsWith('$/') || (admitsNotification(method) && method === '$/cancelRequest')) {
      callback(message);
    }
  }

  private countMalformed(refusal: MessageRefusal | undefined): void {
    this.malformed += 1;
    if (this.malformed > maxMalformed) {
      this.socket.close(closeCodes.policy, 'Too many texts that are no messages, or answer nothing.');
    } else if (refusal) void this.options.writer.write(refusal);
  }
}
