import { toDisposable, type Disposable } from '../../server/src/base/disposable.ts';
import type { Clock } from '../../server/src/base/clock.ts';

/** Time that moves only when a test says so. */
export class FakeClock implements Clock {
  private time: number;
  private timers: { at: number; run: () => void }[] = [];

  constructor(startMs = 1_000_000) {
    this.time = startMs;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.timers.length;
  }

  now(): number {
    return this.time;
  }

  after(delayMs: number, run: () => void): Disposable {
    const timer = { at: this.time + delayMs, run };
    this.timers.push(timer);
    return toDisposable(() => {
      this.timers = this.timers.filter((other) => other !== timer);
    });
  }

  /** Moves on, running what falls due in order. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.time = due.at;
      due.run();
    }
    this.time = end;
  }
}
