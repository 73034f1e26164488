/** Counts what happened within the last `windowMs`. It holds no more than may happen in that time, however high the limit is. */
export class SlidingWindow {
  private readonly windowMs: number;
  private times: number[] = [];

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** Counts one more at `nowMs` and answers 0, or answers after how many milliseconds there is room for it among `max`. */
  take(nowMs: number, max: number): number {
    this.forget(nowMs);
    const blocking = this.times[this.times.length - max];
    if (blocking !== undefined) return blocking + this.windowMs - nowMs;
    this.times.push(nowMs);
    return 0;
  }

  /** Whether nothing that still counts has happened. */
  isEmpty(nowMs: number): boolean {
    this.forget(nowMs);
    return this.times.length === 0;
  }

  private forget(nowMs: number): void {
    const newest = this.times.at(-1);
    // After a step back of the system's clock the old times would block for as long as the step was.
    if (newest !== undefined && newest > nowMs) this.times = [];
    const firstInside = this.times.findIndex((time) => time > nowMs - this.windowMs);
    this.times.splice(0, firstInside === -1 ? this.times.length : firstInside);
  }
}
