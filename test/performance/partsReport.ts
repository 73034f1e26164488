import * as os from 'node:os';
import { describeMachine, writeReportFiles } from './reportFile.ts';
import { toTable, type Row } from './reportRows.ts';
import { percentile, summarize } from './statistics.ts';

/** One measurement: the rows of the report, and everything that was measured. */
export interface Measured {
  readonly rows: readonly Row[];
  readonly raw: unknown;
}

/** A report in parts, each of which can be run alone. */
export interface PartsReport<Options> {
  /** Of its files in `docs/reports`. */
  readonly name: string;
  readonly title: string;
  /** Lines that say how it was measured. */
  readonly introduction: readonly string[];
  readonly parts: Readonly<Record<string, (options: Options) => Promise<Measured>>>;
}

/** Runs all parts and writes the report; with `names` of parts, runs those and only prints them. */
export async function runParts<Options>(
  report: PartsReport<Options>,
  options: Options,
  names: readonly string[],
): Promise<void> {
  const loadBefore = loadAverage();
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  for (const name of names.length > 0 ? names : Object.keys(report.parts)) {
    const part = report.parts[name];
    if (!part) throw new Error(`There is no part "${name}": choose from ${Object.keys(report.parts).join(', ')}.`);
    console.log(`Measuring: ${name} …`);
    const measured = await part(options);
    rows.push(...measured.rows);
    raw[name] = measured.raw;
  }
  console.log(toTable(rows).join('\n'));
  if (names.length > 0) return;
  const machine = describeMachine();
  const load = { before: loadBefore, after: loadAverage() };
  const lines = [
    `# ${report.title}`,
    ...report.introduction,
    '',
    `Machine: ${machine}. Load average of the minute before ${load.before}, at the end ${load.after}.`,
    '',
    ...toTable(rows),
    '',
  ];
  await writeReportFiles(report.name, lines, JSON.stringify({ machine, load, rows, ...raw }, rounded, 2));
}

/** What was given to an option that takes a whole number from 1. */
export function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} takes a whole number from 1.`);
  return value;
}

const loadAverage = (): string => (os.loadavg()[0] ?? 0).toFixed(1);

/** Long series are summed up, and digits that mean nothing are left out. */
function rounded(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isInteger(value)) return Math.round(value * 1_000) / 1_000;
  const isSeries = Array.isArray(value) && value.length > 30 && value.every((entry) => typeof entry === 'number');
  return isSeries ? { ...summarize(value), p95: percentile(value, 95), p99: percentile(value, 99) } : value;
}
