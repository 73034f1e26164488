import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

/** How many tests of a suite passed, failed and were skipped. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed and why, for whoever sees only the end of what a run printed. */
  readonly failures: readonly string[];
}

const maxFailureLines = 12;

/** A failure as it stands in the totals: the test's full title, and the beginning of the reason. */
export function failureText(title: string, reason: string): string {
  const lines = reason.split('\n').slice(0, maxFailureLines);
  return [title, ...lines.map((line) => `    ${line}`)].join('\n');
}

/** The environment variable that names the file into which a suite writes its totals. */
export const totalsFileVariable = 'AI_DEV_ASSISTANT_TEST_TOTALS';

/** Leaves the totals for whoever started the suite; does nothing for a person who runs it directly. */
export function writeTotals(totals: Totals): void {
  const file = process.env[totalsFileVariable];
  if (!file) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(totals));
}

/** The totals in a file, or undefined when the suite ended without writing any. */
export function readTotals(file: string): Totals | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Totals;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
