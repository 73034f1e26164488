import { setImmediate as turnOfTheLoop } from 'node:timers/promises';

/** Longest time for which work holds the event loop, not counting its last piece. */
const maxHoldMs = 10;

/** Lets others have a turn in the middle of long work: `next` is awaited between its pieces. */
export class LoopTurns {
  private beganAt = performance.now();

  async next(): Promise<void> {
    if (performance.now() - this.beganAt < maxHoldMs) return;
    await turnOfTheLoop();
    this.beganAt = performance.now();
  }
}
