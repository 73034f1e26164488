import { SlidingWindow } from '../../base/slidingWindow.ts';

const windowMs = 5 * 60_000;
/** So many addresses are remembered, those that have failed last. */
const maxAddresses = 1_000;

/**
 * Counts failed attempts, with a wrong token or none, by the address they came from. Every program on this machine has the same address, so this never
 * stands in the way of a right token: it only slows down who guesses.
 */
export class FailedAttempts {
  private readonly byAddress = new Map<string, SlidingWindow>();

  /** Counts one more and answers 0, or answers after how many milliseconds another one would be heard. */
  count(address: string, nowMs: number, max: number): number {
    const window = this.byAddress.get(address) ?? new SlidingWindow(windowMs);
    this.byAddress.delete(address);
    this.byAddress.set(address, window);
    const [oldest] = this.byAddress.keys();
    if (this.byAddress.size > maxAddresses && oldest !== undefined) this.byAddress.delete(oldest);
    return window.take(nowMs, max);
  }
}
