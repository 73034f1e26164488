/** Counts what happened within the last `windowMs`. It holds no more than may happen in that time, however high the limit is. */
export class SlidingWindow {
  private readonly windowMs: number;
  /** Those before `first` have been forgotten, and leave the array when they are half of it. */
  private times: number[] = [];
  private first = 0;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** Counts one more at `nowMs` and answers 0, or answers after how many milliseconds there is room for it among `max`. */
  take(nowMs: number, max: number): number {
    const waitMs = this.waitMs(nowMs, max);
    if (waitMs === 0) this.times.push(nowMs);
    return waitMs;
  }

  /** After how many milliseconds there is room for one more among `max`; 0: now. Counts nothing. */
  waitMs(nowMs: number, max: number): number {
    this.forget(nowMs);
    const blocking = this.times.length - max;
    return blocking < this.first ? 0 : (this.times[blocking] ?? nowMs) + this.windowMs - nowMs;
  }

  /** Whether nothing that still counts has happened. */
  isEmpty(nowMs: number): boolean {
    this.forget(nowMs);
    return this.times.length === this.first;
  }

  private forget(nowMs: number): void {
    const newest = this.times.at(-1);
    // After a step back of the system's clock the old times would block for as long as the step was.
    if (newest !== undefined && newest > nowMs) this.first = this.times.length;
    while (this.first < this.times.length && (this.times[this.first] ?? 0) <= nowMs - this.windowMs) this.first++;
    if (this.first * 2 <= this.times.length) return;
    this.times.splice(0, this.first);
    this.first = 0;
  }
}
