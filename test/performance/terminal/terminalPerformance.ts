import { mkdtempSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { buildProduct } from '../../../scripts/build.ts';
import { runTask } from '../../../scripts/command.ts';
import { projectFolder } from '../../../scripts/project.ts';
import { percentile, summarize } from '../statistics.ts';
import { parts, type PartOptions } from './parts.ts';
import { toTable, type Row } from './reportRows.ts';

/** Measures terminals beside their peers and writes the report; with names of parts, only prints those. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: 'string', default: '3' }, megabytes: { type: 'string', default: '100' } },
    allowPositionals: true,
  });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ada-'));
  const options: PartOptions = {
    rounds: wholeNumber('--rounds', values.rounds),
    megabytes: wholeNumber('--megabytes', values.megabytes),
    folder,
  };
  const names = positionals.length > 0 ? positionals : Object.keys(parts);
  await buildProduct({ minify: true });
  const loadBefore = os.loadavg()[0] ?? 0;
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  try {
    for (const name of names) {
      const part = parts[name];
      if (!part) throw new Error(`There is no part "${name}": choose from ${Object.keys(parts).join(', ')}.`);
      console.log(`Measuring: ${name} …`);
      const measured = await part(options);
      rows.push(...measured.rows);
      raw[name] = measured.raw;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(toTable(rows).join('\n'));
  if (positionals.length === 0) await writeReport(rows, { loadBefore, raw });
  return 0;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} takes a whole number from 1.`);
  return value;
}

async function writeReport(
  rows: readonly Row[],
  { loadBefore, raw }: { readonly loadBefore: number; readonly raw: object },
): Promise<void> {
  const cpu = os.cpus();
  const machine = `${cpu.length} × ${cpu[0]?.model.trim() ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}`;
  const load = { before: loadBefore.toFixed(1), after: (os.loadavg()[0] ?? 0).toFixed(1) };
  const lines = [
    '# Performance of terminals',
    'Written by `npm run performance:terminal`. Ours is the whole way: the server forked over IPC as the extension does it, its pty host, a',
    'viewer that acknowledges. The peers run in the same minutes, in turn with ours. Rates are medians, with the smallest and the largest',
    'value. Timings depend on the machine and on what else it does; what counts is the ratio. The bare peer is node-pty behind the same JSON-RPC',
    'over the same kind of channel, with nothing else, collecting output for a turn of its event loop; with the marks of VS Code',
    '(100,000 and 5,000 characters, an acknowledgement every 5,000) it collects for 5 ms, as VS Code does.',
    '',
    `Machine: ${machine}. Load average of the minute before ${load.before}, at the end ${load.after}.`,
    '',
    ...toTable(rows),
    '',
  ];
  const folder = path.join(projectFolder, 'docs', 'reports');
  await fs.mkdir(folder, { recursive: true });
  await fs.writeFile(path.join(folder, 'performance-terminal.md'), lines.join('\n'));
  const json = JSON.stringify({ machine, load, rows, ...raw }, rounded, 2);
  await fs.writeFile(path.join(folder, 'performance-terminal.json'), `${json}\n`);
}

/** Long series are summed up, and digits that mean nothing are left out. */
function rounded(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isInteger(value)) return Math.round(value * 1_000) / 1_000;
  const isSeries = Array.isArray(value) && value.length > 30 && value.every((entry) => typeof entry === 'number');
  return isSeries ? { ...summarize(value), p95: percentile(value, 95), p99: percentile(value, 99) } : value;
}

await runTask(main);
