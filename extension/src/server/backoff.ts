const delaysMs = [250, 1_000, 4_000] as const;

/** How long to wait before trying again: 0.25, 1, 4, 4, … seconds for `failures` 1, 2, 3, 4, …, each ± 25 %. */
export function backoffMs(failures: number, random: () => number): number {
  const base = delaysMs[Math.min(Math.max(failures, 1), delaysMs.length) - 1] ?? delaysMs[2];
  return Math.round(base * (0.75 + random() * 0.5));
}

/** Counts failures of the last three minutes; the fifth is one too many. */
export class CrashWindow {
  static readonly windowMs = 180_000;
  static readonly limit = 5;
  private times: number[] = [];

  /** Records a failure at `now` and returns how many the window holds. */
  add(now: number): number {
    this.times = this.times.filter((time) => now - time < CrashWindow.windowMs);
    this.times.push(now);
    return this.times.length;
  }

  clear(): void {
    this.times = [];
  }
}
