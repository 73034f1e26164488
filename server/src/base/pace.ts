import { setImmediate as turnOfTheLoop } from 'node:timers/promises';

/** What a request may have to wait for, at most, because of work that goes on in the background. */
const sliceMs = 8;

/** Lets others have their turn after every few milliseconds of work, and ends the work when it is no longer wanted. */
export class Pace {
  private readonly signal: AbortSignal;
  private since = performance.now();

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Rejects with the signal's reason once that is aborted. */
  async rest(): Promise<void> {
    this.signal.throwIfAborted();
    if (performance.now() - this.since < sliceMs) return;
    await turnOfTheLoop();
    this.since = performance.now();
  }
}
