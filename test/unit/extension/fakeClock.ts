import type { Clock } from '../../../extension/src/base/clock.ts';
import { toDisposable, type Disposable } from '../../../extension/src/base/disposable.ts';

/** A clock that stands still until a test moves it. Promises that become due are let run at every step. */
export class FakeClock implements Clock {
  private time = 1_000_000;
  private readonly timers = new Set<{ readonly at: number; readonly run: () => void }>();

  /** Timers that have not fired and were not disposed. */
  get pendingTimers(): number {
    return this.timers.size;
  }

  now(): number {
    return this.time;
  }

  after(delayMs: number, run: () => void): Disposable {
    const timer = { at: this.time + delayMs, run };
    this.timers.add(timer);
    return toDisposable(() => this.timers.delete(timer));
  }

  /** Moves on by `durationMs`, firing each timer at its own time. */
  async advance(durationMs: number): Promise<void> {
    const end = this.time + durationMs;
    await settle();
    for (let next = this.nextUntil(end); next; next = this.nextUntil(end)) {
      this.time = Math.max(this.time, next.at);
      this.timers.delete(next);
      next.run();
      await settle();
    }
    this.time = end;
    await settle();
  }

  /** Jumps by `durationMs` without a timer firing in between, as a machine that slept does; due timers fire late. */
  async sleep(durationMs: number): Promise<void> {
    this.time += durationMs;
    await this.advance(0);
  }

  private nextUntil(end: number): { readonly at: number; readonly run: () => void } | undefined {
    return [...this.timers].filter((timer) => timer.at <= end).sort((one, other) => one.at - other.at)[0];
  }
}

/** Lets everything run that waits for promises only. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
}
