import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { runTask } from '../../../scripts/command.ts';
import { projectFolder } from '../../../scripts/project.ts';
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
  const cpu = os.cpus();
  const machine = `${cpu.length} × ${cpu[0]?.model.trim() ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}`;
  const lines = [
    '# Performance of storage',
    'Written by `npm run performance:storage`. Medians, with the smallest and the largest value; ours and the bare peer are measured in turn in one run.',
    '',
    `Machine: ${machine}. Rounds: ${rounds}.`,
    '',
    ...renderTable(comparisons),
    '',
  ];
  const folder = path.join(projectFolder, 'docs', 'reports');
  await fs.mkdir(folder, { recursive: true });
  await fs.writeFile(path.join(folder, 'performance-storage.md'), lines.join('\n'));
  await fs.writeFile(
    path.join(folder, 'performance-storage.json'),
    `${JSON.stringify({ machine, rounds, comparisons }, undefined, 2)}\n`,
  );
  console.log(lines.slice(5).join('\n'));
}

await runTask(main);
