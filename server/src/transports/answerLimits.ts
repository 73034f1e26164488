import type * as http from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../base/logger.ts';
import type { ByteBudget, ByteHolder } from './byteBudget.ts';
import type { Exchange } from './door.ts';
import { WaitingBytes } from './waitingBytes.ts';

/** Requests of one connection that are not answered yet, as many as of a WebSocket. */
const maxUnanswered = 256;

type Sides = Pick<Exchange, 'request' | 'response'>;

export interface AnswerLimitsOptions {
  /** How long an answer whose turn it is may wait for a client that reads nothing of it. */
  readonly unreadAnswerMs: number;
  /** What waits for the clients of each token. */
  readonly waiting: ByteBudget;
  readonly logger: Logger;
}

/**
 * Bounds what one connection has of answers: how many are not sent yet, what those of them have that are complete, and how
 * long one of these may wait, from its turn on, for a client that reads nothing of it.
 */
export class AnswerLimits {
  private readonly options: AnswerLimitsOptions;
  /** Those that are not sent, in the order of their requests, each with the bytes that it has once it is complete. */
  private readonly unsent = new WeakMap<Socket, Map<http.ServerResponse, number>>();
  /** What is done about a request behind the last one of its connection. */
  private readonly ending = new WeakMap<Socket, () => void>();

  constructor(options: AnswerLimitsOptions) {
    this.options = options;
  }

  /** Whether a request is to be answered. Where it is not, its connection has ended, or does with an answer before it. */
  admit({ request, response }: Sides): boolean {
    const { socket } = request;
    const unsent = this.unsent.get(socket) ?? new Map<http.ServerResponse, number>();
    if (unsent.size >= maxUnanswered) {
      socket.destroy();
      return false;
    }
    this.unsent.set(socket, unsent.set(response, 0));
    response.once('close', () => unsent.delete(response));
    if (this.passesOver(socket)) return false;
    response.once('prefinish', () => this.limitReading(response));
    // The time is that of the connection, and the next answer may take longer to be made. Ahead of Node's own listener, which
    // gives the next one its turn, or the client its time to ask again.
    response.prependOnceListener('finish', () => socket.setTimeout(0));
    return true;
  }

  /** Whether what has come now stands behind the last request of its connection. */
  passesOver(socket: Socket): boolean {
    const onMore = this.ending.get(socket);
    onMore?.();
    return onMore !== undefined;
  }

  /** Whether no other request has come behind it. */
  isLatest({ request, response }: Sides): boolean {
    return [...(this.unsent.get(request.socket)?.keys() ?? [])].at(-1) === response;
  }

  /** Whether everything that came on a connection is answered, or cannot be any more. */
  allSent(socket: Socket): boolean {
    return (this.unsent.get(socket)?.size ?? 0) === 0;
  }

  /** Resolves once that is so. */
  async untilAllSent(socket: Socket): Promise<void> {
    const unsent = [...(this.unsent.get(socket)?.keys() ?? [])];
    await Promise.all(unsent.map((response) => new Promise<void>((resolve) => response.once('close', resolve))));
  }

  /**
   * The answer is the last one on its connection. What comes behind it, also in one piece with it, is read all the same, and
   * passed over; `onMore` is called for each.
   */
  endWith({ request, response }: Sides, onMore = (): void => undefined): void {
    response.setHeader('Connection', 'close');
    this.ending.set(request.socket, onMore);
  }

  /** What an answer has that is complete counts for `holder` until it is sent. Where it is too much the connection ends. */
  count({ request, response }: Sides, holder: ByteHolder): void {
    const { socket } = request;
    const unsent = this.unsent.get(socket);
    if (!unsent || !response.writableEnded || response.closed) return;
    const bytes = Number(response.getHeader('Content-Length') ?? 0);
    // One whose turn has come is not cut off for what waits behind it.
    const bytesBefore = response.socket ? 0 : [...unsent.values()].reduce((sum, one) => sum + one, 0);
    const waiting = new WaitingBytes(this.options.waiting, holder);
    if (waiting.isTooMuchWith(bytes, bytesBefore)) {
      this.options.logger.warn('A connection is cut off: its client does not read', { bytes: bytesBefore + bytes });
      socket.destroy();
      return;
    }
    waiting.add(bytes);
    unsent.set(response, bytes);
    response.once('close', () => waiting.dispose());
  }

  /** From when an answer is complete, and its turn has come, on. The time begins anew whenever the system takes something of it. */
  private limitReading(response: http.ServerResponse): void {
    response.setTimeout(this.options.unreadAnswerMs, () => response.destroy());
  }
}
