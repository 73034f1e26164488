import type * as http from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange } from './door.ts';

/** Requests of one connection that are not answered yet, as many as of a WebSocket. */
const maxUnanswered = 256;

/**
 * Bounds what one connection has of answers: how many wait to be sent, and how long one that is complete may wait for a
 * client that reads nothing of it.
 */
export class AnswerLimits {
  private readonly unreadAnswerMs: number;
  private readonly unanswered = new WeakMap<Socket, Set<http.ServerResponse>>();
  /** What came in one piece with a request that was the last is read all the same, and passed over. */
  private readonly ending = new WeakSet<Socket>();

  constructor(unreadAnswerMs: number) {
    this.unreadAnswerMs = unreadAnswerMs;
  }

  /** Whether a request is to be answered. Where it is not, its connection has ended, or does with an answer before it. */
  admit({ request, response }: Pick<Exchange, 'request' | 'response'>): boolean {
    const { socket } = request;
    if (this.ending.has(socket)) return false;
    const waiting = this.unanswered.get(socket) ?? new Set();
    if (waiting.size >= maxUnanswered) {
      this.ending.add(socket);
      socket.destroy();
      return false;
    }
    this.unanswered.set(socket, waiting.add(response));
    response.once('close', () => waiting.delete(response));
    response.once('prefinish', () => this.limitReading(response));
    // The time is that of the connection, and the next answer may take longer to be made. Ahead of Node's own listener, which
    // gives the next one its turn, or the client its time to ask again.
    response.prependOnceListener('finish', () => socket.setTimeout(0));
    return true;
  }

  /** Whether everything that came on a connection is answered, or cannot be any more. */
  allSent(socket: Socket): boolean {
    return (this.unanswered.get(socket)?.size ?? 0) === 0;
  }

  /** Resolves once that is so. */
  async untilAllSent(socket: Socket): Promise<void> {
    const waiting = [...(this.unanswered.get(socket) ?? [])];
    await Promise.all(waiting.map((response) => new Promise<void>((resolve) => response.once('close', resolve))));
  }

  /** The answer is the last one on its connection. */
  endWith({ request, response }: Pick<Exchange, 'request' | 'response'>): void {
    response.setHeader('Connection', 'close');
    this.ending.add(request.socket);
  }

  /** From when an answer is complete on. The time begins anew whenever the system takes something of it. */
  private limitReading(response: http.ServerResponse): void {
    response.setTimeout(this.unreadAnswerMs, () => response.destroy());
  }
}
