import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

/** How many tests of a suite passed, failed and were skipped. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
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
