import { AbstractMessageWriter } from 'vscode-jsonrpc/node';
import type { WebSocket } from 'ws';
import type { Logger } from '../base/logger.ts';
import type { ByteBudget, ByteHolder } from './byteBudget.ts';
import { closeCodes } from './closeCodes.ts';
import { OpenRequests } from './openRequests.ts';
import { WaitingBytes } from './waitingBytes.ts';

/** Requests of either end that are not answered. Of ours beyond that, the answer to the oldest answers nothing. */
const maxOpenRequests = 1_024;

export interface WebSocketWriterOptions {
  readonly socket: WebSocket;
  readonly bearer: ByteHolder;
  /** What waits for the clients of each token. */
  readonly waiting: ByteBudget;
  readonly logger: Logger;
}

/** Writes to one client, for which no more than 16 MiB may wait, and no more than the budget says for its token. */
export class WebSocketWriter extends AbstractMessageWriter {
  /** What the client was asked. */
  readonly asked = new OpenRequests(maxOpenRequests);
  /** What the client has asked. */
  readonly requests = new OpenRequests(maxOpenRequests);
  private readonly options: WebSocketWriterOptions;
  private readonly waiting: WaitingBytes;
  private pongWaits = false;
  private latestPing: Buffer | undefined;

  constructor(options: WebSocketWriterOptions) {
    super();
    this.options = options;
    this.waiting = new WaitingBytes(options.waiting, options.bearer);
  }

  /** Resolves once the bytes are with the system, or the client has gone, of which the close tells. */
  write(message: object): Promise<void> {
    if ('id' in message) this.noteId(message.id as string | number, 'method' in message);
    return this.send(JSON.stringify(message));
  }

  /** As `write`; `frame` must be nobody else's. */
  send(frame: string | Buffer): Promise<void> {
    const { socket, logger } = this.options;
    if (socket.readyState !== socket.OPEN) return Promise.resolve();
    const { bufferedAmount } = socket;
    const bytes = Buffer.byteLength(frame);
    // With the answers to pings, which are not counted for the token: each client has two of them at most.
    if (this.waiting.isTooMuchWith(bytes, bufferedAmount)) {
      logger.warn('A WebSocket is closed: its client does not read', { bufferedBytes: bufferedAmount });
      socket.close(
        closeCodes.tryAgainLater,
        'Too much waits for you: attach again from the last number you have seen.',
      );
      return Promise.resolve();
    }
    const taken = this.waiting.add(bytes);
    return new Promise((resolve) => {
      socket.send(frame, () => {
        taken();
        resolve();
      });
    });
  }

  /** Answers a ping; of those that come while an answer waits only the last one (RFC 6455, 5.5.3). */
  pong(data: Buffer): void {
    const { socket } = this.options;
    if (this.pongWaits) {
      this.latestPing = data;
      return;
    }
    if (socket.readyState !== socket.OPEN) return;
    this.pongWaits = true;
    socket.pong(data, undefined, () => {
      this.pongWaits = false;
      const next = this.latestPing;
      this.latestPing = undefined;
      if (next) this.pong(next);
    });
  }

  end(): void {
    this.options.socket.close(closeCodes.goingAway);
  }

  private noteId(id: string | number, isQuestion: boolean): void {
    if (isQuestion) this.asked.begin(id);
    else this.requests.end(id);
  }
}
