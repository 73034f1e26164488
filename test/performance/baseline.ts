import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { roundTrips, startTime, usedDataFolder } from './forkedServer.ts';
import { peerProgram } from './peerProgram.ts';
import { describeMachine, writeReportFiles } from './reportFile.ts';
import { percentile, summarize, type Summary } from './statistics.ts';
import { measureWorkbench } from './workbenchTimes.ts';
import { buildProduct, type BuiltFile } from '../../scripts/build.ts';
import { runTask } from '../../scripts/command.ts';
import { distFolder, formatBytes } from '../../scripts/project.ts';
import { hostTarget, packVsix } from '../../scripts/vsix.ts';

interface Row {
  readonly what: string;
  readonly ours: string;
  readonly bare: string;
  readonly target: string;
}

/** Measures start-up, recovery, round trips and sizes, each beside its bare peer, and writes the report. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1.');
  const files = await buildProduct({ minify: true });
  const vsix = (await fs.stat(await packVsix(hostTarget(), { quiet: true }))).size;
  console.log('Measuring starts and round trips of the server …');
  const server = await measureServer(rounds);
  console.log('Measuring a real workbench …');
  const workbench = await measureWorkbench(Math.min(rounds, 5));
  const bareMedian = server.start.bare.median;
  const rows: Row[] = [
    row('activation of the extension', summarize(workbench.activation), undefined, '≤ 50 ms'),
    row(
      'start in a workbench, window up → server ready',
      summarize(workbench.coldStart),
      server.start.bare,
      `≤ 2 × bare: ${ms(2 * bareMedian)}`,
    ),
    row(
      'start after a reload',
      summarize(workbench.warmStart),
      server.start.bare,
      `≤ 1.5 × bare: ${ms(1.5 * bareMedian)}`,
    ),
    row('kill -9 of the server → next one ready', summarize(workbench.recovery), undefined, 'p95 ≤ 2 s'),
    row('fork → handshake answered, very first start', server.start.ours, server.start.bare, '≤ 2 × bare'),
    row('fork → handshake answered, later starts', server.start.warm, server.start.bare, '≤ 1.5 × bare'),
    ...server.trips.map(({ what, ours, bare, target }) => ({ what, ours: ms(ours), bare: ms(bare), target })),
    ...sizeRows(files, vsix),
  ];
  await writeReport(rows, { rounds, server, workbench, files, vsix });
  return 0;
}

async function measureServer(rounds: number) {
  const ours = path.join(distFolder, 'server.js');
  const bare = await peerProgram('bareServer');
  const used = await usedDataFolder(ours);
  const starts = { ours: [] as number[], warm: [] as number[], bare: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const times = {
      ours: await startTime(ours, 'ours'),
      warm: await startTime(ours, 'ours', used),
      bare: await startTime(bare, 'bare'),
    };
    // The first one of each warms the file system up.
    if (round > 0) for (const name of ['ours', 'warm', 'bare'] as const) starts[name].push(times[name]);
  }
  await fs.rm(used, { recursive: true, force: true });
  const oursTrips = await roundTrips(ours, 'ours', 2_000);
  const bareTrips = await roundTrips(bare, 'bare', 2_000);
  const targets = { 50: '≤ 2 ms', 95: '≤ 10 ms', 99: '≤ 25 ms' };
  const trips = ([50, 95, 99] as const).map((percent) => ({
    what: `request over IPC, p${percent}`,
    ours: percentile(oursTrips, percent),
    bare: percentile(bareTrips, percent),
    target: targets[percent],
  }));
  const start = { ours: summarize(starts.ours), warm: summarize(starts.warm), bare: summarize(starts.bare) };
  return { start, trips };
}

function sizeRows(files: readonly BuiltFile[], vsix: number): Row[] {
  const sizeOf = (names: readonly string[]): string => {
    return formatBytes(files.filter(({ file }) => names.includes(file)).reduce((sum, { bytes }) => sum + bytes, 0));
  };
  return [
    { what: 'VSIX', ours: formatBytes(vsix), bare: '–', target: '≤ 3 MB' },
    {
      what: 'extension and language client',
      ours: sizeOf(['extension.js', 'languageClient.js']),
      bare: '–',
      target: '≤ 600 kB',
    },
    { what: 'server', ours: sizeOf(['server.js', 'commandLine.js']), bare: '–', target: '–' },
    { what: 'libraries of models, loaded when needed', ours: sizeOf(['modelLibraries.js']), bare: '–', target: '–' },
    { what: 'pty host', ours: sizeOf(['ptyHost.js']), bare: '–', target: '–' },
    {
      what: 'agent panel, without what it loads when needed',
      ours: sizeOf(['webview/agentPanel.js', 'webview/agentPanel.css']),
      bare: '–',
      target: '≤ 250 kB',
    },
  ];
}

function row(what: string, ours: Summary, bare: Summary | undefined, target: string): Row {
  return { what, ours: spread(ours), bare: bare ? spread(bare) : '–', target };
}

const spread = ({ median, min, max }: Summary): string => `${ms(median)} (${ms(min)} to ${ms(max)})`;
const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;

async function writeReport(rows: readonly Row[], raw: object): Promise<void> {
  const machine = describeMachine();
  const lines = [
    '# Performance baseline',
    'Written by `npm run performance:baseline`. Medians, with the smallest and the largest value. Timings depend on the machine; what counts is the',
    'ratio to the bare peer in the same run: a language server of ten lines, bundled and forked in the same way.',
    '',
    `Machine: ${machine}.`,
    '',
    '| what | ours | bare | to reach |',
    '|---|---|---|---|',
    ...rows.map(({ what, ours, bare, target }) => `| ${what} | ${ours} | ${bare} | ${target} |`),
    '',
  ];
  await writeReportFiles('performance-baseline', lines, JSON.stringify({ machine, ...raw }, undefined, 2));
  console.log(lines.slice(6).join('\n'));
}

await runTask(main);
