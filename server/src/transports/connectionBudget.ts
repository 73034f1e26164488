import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';

/** A thousand WebSockets, as many that are just being opened, and room for calls beside them. */
const maxConnections = 2_200;
/** Connections that have shown no token yet. */
const maxStrangers = 1_000;
/** A stranger has this long to send its headers with a token in them. */
const strangerMs = 10_000;

/**
 * Holds down how many connections there are before anybody has said who they are. Where strangers are too many, the one that
 * has waited longest goes: who opens connections and says nothing keeps out nobody that comes with a token.
 */
export class ConnectionBudget implements Disposable {
  private readonly clock: Clock;
  private readonly open = new Set<Socket>();
  /** The oldest first. */
  private readonly strangers = new Map<Socket, Disposable>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.open.size;
  }

  /** Counts a connection that was just opened; may close it, or another one. */
  accept(socket: Socket): void {
    this.open.add(socket);
    this.strangers.set(
      socket,
      this.clock.after(strangerMs, () => socket.destroy()),
    );
    socket.once('close', () => {
      this.open.delete(socket);
      this.forgetStranger(socket);
    });
    if (this.open.size > maxConnections) socket.destroy();
    const [oldest] = this.strangers.keys();
    if (this.strangers.size <= maxStrangers || !oldest) return;
    this.forgetStranger(oldest);
    oldest.destroy();
  }

  /** The connection has shown a token. */
  recognize(socket: Socket): void {
    this.forgetStranger(socket);
  }

  dispose(): void {
    for (const socket of [...this.open]) socket.destroy();
  }

  private forgetStranger(socket: Socket): void {
    this.strangers.get(socket)?.dispose();
    this.strangers.delete(socket);
  }
}
