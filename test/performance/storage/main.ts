import { parseArgs } from 'node:util';
import { runTask } from '../../../scripts/command.ts';
import { describeMachine, writeReportFiles } from '../reportFile.ts';
import { measureCache } from './cache.ts';
import { renderTable, type Comparison } from './comparison.ts';
import { measureFirstPaint } from './firstPaint.ts';
import { measureJournals } from './journals.ts';
import { measureStartUp } from './startUp.ts';

/** What is measured, in the order of the table. Each gives its lines for a number of rounds. */
const measurements: readonly ((rounds: number) => Promise<Comparison[]>)[] = [
  measureJournals,
  measureFirstPaint,
  measureCache,
  measureStartUp,
];

/** Measures what keeps things, each beside its bare peer, and writes the report. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1.');
  const comparisons: Comparison[] = [];
  for (const measure of measurements) comparisons.push(...(await measure(rounds)));
  await writeReport(comparisons, rounds);
  return 0;
}

async function writeReport(comparisons: readonly Comparison[], rounds: number): Promise<void> {
  const machine = describeMachine();
  const lines = [
    '# Performance of storage',
    'Written by `npm run performance:storage`. Medians, with the smallest and the largest value; ours and the bare peer are measured in turn in one run.',
    '',
    `Machine: ${machine}. Rounds: ${rounds}.`,
    '',
    ...renderTable(comparisons),
    '',
  ];
  await writeReportFiles('performance-storage', lines, JSON.stringify({ machine, rounds, comparisons }, undefined, 2));
  console.log(lines.slice(5).join('\n'));
}

await runTask(main);
