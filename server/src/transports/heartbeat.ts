import type { WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';

const pingEveryMs = 20_000;

/** Pings a client every 20 s, and ends the connection of one that has said nothing by the next time. */
export class Heartbeat implements Disposable {
  private readonly socket: WebSocket;
  private readonly clock: Clock;
  private hasAnswered = true;
  private timer: Disposable;

  constructor(socket: WebSocket, clock: Clock) {
    this.socket = socket;
    this.clock = clock;
    for (const sign of ['pong', 'message']) socket.on(sign, () => (this.hasAnswered = true));
    this.timer = this.schedule();
  }

  dispose(): void {
    this.timer.dispose();
  }

  private schedule(): Disposable {
    return this.clock.after(pingEveryMs, () => {
      if (!this.hasAnswered) {
        this.socket.terminate();
        return;
      }
      this.hasAnswered = false;
      this.socket.ping();
      this.timer = this.schedule();
    });
  }
}
