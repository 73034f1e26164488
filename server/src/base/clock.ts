import { toDisposable, type Disposable } from './disposable.ts';

/** Time as the server's parts see it, so that a test can move it by hand. */
export interface Clock {
  /** Milliseconds; of `systemClock` since 1970, of `monotonicClock` since a moment that means nothing. */
  now(): number;
  /** Calls `run` once after `delayMs`, unless disposed first. The timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Disposable;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return toDisposable(() => clearTimeout(timer));
  },
};

/**
 * For how long something takes or has lasted: whoever sets the wall clock does not move it. It counts the time for which
 * the machine is awake; while it sleeps, it stands still on Linux and macOS.
 */
export const monotonicClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, run) => systemClock.after(delayMs, run),
};

let timeOfTurn: number | undefined;

/**
 * The system clock, read once a turn of the event loop: for who asks so often that the reading itself would cost most.
 * It is behind by what the turn has lasted.
 */
export const coarseClock: Clock = {
  ...systemClock,
  now() {
    if (timeOfTurn === undefined) {
      timeOfTurn = Date.now();
      setImmediate(() => (timeOfTurn = undefined));
    }
    return timeOfTurn;
  },
};
