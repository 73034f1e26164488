import { constants } from 'node:os';

/** What the process answers to a shell; the first four are those of `ai-dev-assistant run`. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** An effect that `--approve` does not cover was refused. */
  refused: 2,
  budgetSpent: 3,
  /** The command line itself was wrong (EX_USAGE of sysexits.h). */
  usage: 64,
  /** There is nothing of what was to be read (EX_NOINPUT of sysexits.h). */
  noInput: 66,
} as const;

/** As shells have it: 128 and the number of the signal. */
export function exitCodeOfSignal(signal: number | NodeJS.Signals): number {
  return 128 + (typeof signal === 'number' ? signal : constants.signals[signal]);
}
