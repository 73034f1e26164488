import * as path from 'node:path';
import { formatBytes } from '../../../scripts/project.ts';
import type { Measured } from '../partsReport.ts';
import { milliseconds, rateRow, sizeRow, timeRow, type Row } from '../reportRows.ts';
import { percentile } from '../statistics.ts';
import { measureAttach } from './attach.ts';
import { measureCreation } from './creation.ts';
import { measureLatency } from './latency.ts';
import { canMeasureProcesses, measureIdleCpu, measureMemory } from './processCosts.ts';
import { measureRecovery } from './recovery.ts';
import { writeSampleFile } from './sampleFile.ts';
import { measureSlowViewer } from './slowViewer.ts';
import { measureThroughput } from './throughput.ts';

export interface PartOptions {
  readonly rounds: number;
  /** Size of the file that goes through the terminals. */
  readonly megabytes: number;
  /** For files; removed by the caller. */
  readonly folder: string;
}

/** Every part of the report, by the name under which it can be run alone. */
export const parts: Readonly<Record<string, (options: PartOptions) => Promise<Measured>>> = {
  throughput,
  latency,
  creation,
  attach,
  recovery,
  slowViewer,
  processes,
};

async function throughput({ rounds, megabytes, folder }: PartOptions): Promise<Measured> {
  const sample = await writeSampleFile(path.join(folder, 'sample.log'), megabytes * 1_000_000);
  const raw = await measureThroughput(sample, rounds);
  const what = `pty → viewer, ${megabytes} MB`;
  const rows = [
    rateRow(`${what}; peer: bare node-pty → JSON-RPC, same marks`, raw.ours, raw.bare, 0.8),
    rateRow(`${what}; peer: the same with VS Code's marks`, raw.ours, raw.editor, 2),
  ];
  if (raw.tmux.length === 0) return { rows, raw };
  rows.push(rateRow(`${what}; peer: tmux, detached (no viewer)`, raw.ours, raw.tmux));
  rows.push(rateRow(`${what}; peer: tmux, control mode`, raw.ours, raw.tmuxControl));
  return { rows, raw };
}

async function latency({ rounds }: PartOptions): Promise<Measured> {
  const raw = await measureLatency(rounds, 100);
  const idle = { ours: raw.idle.ours, peer: raw.idle.bare };
  const flood = { ours: raw.besideFlood.ours, peer: raw.besideFlood.bare };
  const rows = [
    timeRow('key → echo, idle', 50, idle, { atMost: 2 }),
    timeRow('key → echo, idle', 95, idle),
    timeRow('key → echo beside a flooding terminal', 50, flood, { atMost: 2 }),
    timeRow('key → echo beside a flooding terminal', 95, flood),
  ];
  return { rows, raw };
}

async function creation({ rounds }: PartOptions): Promise<Measured> {
  const raw = await measureCreation(20 * rounds);
  const times = { ours: raw.ours, peer: raw.bare };
  const rows = [timeRow('creating a terminal', 50, times), timeRow('creating a terminal', 95, times, { atMost: 2 })];
  return { rows, raw };
}

async function attach({ rounds, folder }: PartOptions): Promise<Measured> {
  const raw = await measureAttach(3 * rounds, path.join(folder, 'lines.log'));
  const { ours } = raw;
  const row = (name: string, peer: typeof ours): Row => ({
    what: `attaching to 5,000 coloured lines; peer: ${name}`,
    ours: `${milliseconds(percentile(ours.ms, 50))}, ${formatBytes(ours.bytes)}`,
    peer: `${milliseconds(percentile(peer.ms, 50))}, ${formatBytes(peer.bytes)}`,
    ratio: (percentile(ours.ms, 50) / percentile(peer.ms, 50)).toFixed(2),
    target: '–',
    reached: undefined,
  });
  const rows = [row('all of it printed again', raw.raw)];
  if (raw.tmux.ms.length > 0) rows.push(row('tmux capture-pane', raw.tmux));
  return { rows, raw };
}

/** The extension's own part, which notices the end of the server, is in `performance:baseline`. */
async function recovery({ rounds }: PartOptions): Promise<Measured> {
  const raw = await measureRecovery(5 * rounds);
  const row: Row = {
    what: 'terminals alive after those kills; peer: bare node-pty, whose terminals end with it',
    ours: `${raw.alive} of ${raw.of}`,
    peer: `${raw.bareAlive} of 20`,
    ratio: '–',
    target: 'all',
    reached: raw.alive === raw.of,
  };
  const what = 'kill -9 of the server → the next one, all of 20 terminals answer a key';
  return { rows: [timeRow(what, 95, { ours: raw.ms }, { atMostMs: 2_000 }), row], raw };
}

/** What the window of a viewer and the ring of a terminal may hold, and what a garbage collector leaves for later. */
const boundedGrowthBytes = 48 * 1_024 * 1_024;

async function slowViewer({ megabytes, folder }: PartOptions): Promise<Measured> {
  if (!canMeasureProcesses) return { rows: [], raw: 'Linux only' };
  const raw = await measureSlowViewer(await writeSampleFile(path.join(folder, 'slow.log'), megabytes * 1_000_000));
  const beside = `beside a stopped viewer, ${megabytes} MB`;
  const rows: Row[] = [
    sizeRow(`growth of the pty host ${beside}`, raw.hostGrowth, boundedGrowthBytes),
    sizeRow(`growth of the reading viewer's server ${beside}`, raw.serverOfFastGrowth, boundedGrowthBytes),
    sizeRow(`growth of the stopped viewer's server ${beside}`, raw.serverOfSlowGrowth, boundedGrowthBytes),
    {
      what: `pty → viewer ${beside}; peer: ours without it`,
      ours: `${raw.megabytesPerSecond.toFixed(1)} MB/s, ${raw.fastIsComplete ? 'complete' : 'NOT complete'}`,
      peer: `${raw.megabytesPerSecondAlone.toFixed(1)} MB/s`,
      ratio: (raw.megabytesPerSecond / raw.megabytesPerSecondAlone).toFixed(2),
      target: 'complete',
      reached: raw.fastIsComplete,
    },
  ];
  return { rows, raw };
}

const idleTerminals = 20;
const megabyte = 1_000_000;

async function processes(): Promise<Measured> {
  if (!canMeasureProcesses) return { rows: [], raw: 'Linux only' };
  const memory = await measureMemory([0, 1, idleTerminals, 100]);
  const cpuPercent = await measureIdleCpu(idleTerminals, 15);
  const limits = {
    server: (terminals: number) => (terminals === 0 ? 90 : 250),
    host: (terminals: number) => 60 + 2 * terminals,
  };
  const rows: Row[] = memory.flatMap(({ terminals, server, host }) => [
    sizeRow(
      `server, ${terminals} quiet terminals`,
      server.resident,
      limits.server(terminals) * megabyte,
      share(server),
    ),
    sizeRow(`pty host, ${terminals} quiet terminals`, host.resident, limits.host(terminals) * megabyte, share(host)),
  ]);
  rows.push({
    what: `processor, server and pty host, ${idleTerminals} quiet terminals`,
    ours: `${cpuPercent.toFixed(2)} %`,
    peer: '–',
    ratio: '–',
    target: '≤ 0.5 %',
    reached: cpuPercent <= 0.5,
  });
  return { rows, raw: { memory, cpuPercent } };
}

const share = ({ proportional }: { readonly proportional: number }): string =>
  ` (${formatBytes(proportional)} proportional)`;
