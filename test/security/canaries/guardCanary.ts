import type { Canary } from '../../support/canaryCopy.ts';

/** A guard that is taken out, and the tests of which at least one must then fail. */
export interface GuardCanary extends Canary {
  /** The file of the tests. */
  readonly tests: string;
  /** Part of the names of those tests that are run; few, so that it does not take long. */
  readonly grep: string;
}

type Line = readonly [guard: string, without: string, grep: string];

/** Several guards of one file, whose tests stand in one file too. */
export function guardsOf(file: string, tests: string, lines: readonly Line[]): GuardCanary[] {
  return lines.map(([guard, without, grep]) => ({ file, guard, without, tests, grep }));
}
