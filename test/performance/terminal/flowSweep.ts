import { mkdtempSync, rmSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { runTask } from '../../../scripts/command.ts';
import { percentile } from '../statistics.ts';
import { Keyboard, startFlood } from './latency.ts';
import { milliseconds, rates } from '../reportRows.ts';
import { writeSampleFile } from './sampleFile.ts';
import { OurPeer } from './terminalPeer.ts';
import { throughViewer } from './throughput.ts';
import { buildVariant, type FlowSettings } from './variants.ts';

const kibibyte = 1_024;
const settings = (windowKiB: number, highKiB: number, lowKiB: number): FlowSettings => ({
  windowBytes: windowKiB * kibibyte,
  high: highKiB * kibibyte,
  low: lowKiB * kibibyte,
});

const candidates: readonly FlowSettings[] = [
  settings(1_024, 512, 128),
  settings(64, 1_024, 256),
  settings(128, 1_024, 256),
  settings(256, 1_024, 256),
  settings(512, 1_024, 256),
  settings(1_024, 1_024, 256),
  settings(256, 512, 128),
  settings(256, 128, 32),
];

/** Tries sizes of the window and of the marks in turn: what goes through, and how long a key waits beside a flood. */
await runTask(async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ada-'));
  const sample = await writeSampleFile(path.join(folder, 'sample.log'), 10_000_000);
  const measured = [];
  for (const [index, candidate] of candidates.entries()) {
    const file = await buildVariant(`variant${index}`, candidate);
    measured.push({ candidate, file, rates: [] as number[], idle: [] as number[], flood: [] as number[] });
  }
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const one of measured) {
      const peer = await OurPeer.start({ serverFile: one.file });
      try {
        const rate = await throughViewer(peer, sample);
        const keyboard = await Keyboard.open(peer);
        const idle = await keyboard.type(50);
        await startFlood(peer);
        const flood = await keyboard.type(50);
        if (round === 0) continue;
        one.rates.push(rate);
        one.idle.push(...idle);
        one.flood.push(...flood);
      } finally {
        await peer.end();
      }
    }
  }
  rmSync(folder, { recursive: true, force: true });
  console.log('| window | high | low | pty → viewer | key → echo idle, p50 | beside a flood, p50 | p95 |');
  console.log('|---|---|---|---|---|---|---|');
  for (const { candidate, rates: all, idle, flood } of measured) {
    const sizes = [candidate.windowBytes, candidate.high, candidate.low].map((bytes) => `${bytes / kibibyte} KiB`);
    const times = [percentile(idle, 50), percentile(flood, 50), percentile(flood, 95)].map(milliseconds);
    console.log(`| ${[...sizes, rates(all), ...times].join(' | ')} |`);
  }
  console.log(`Load average: ${(os.loadavg()[0] ?? 0).toFixed(1)}`);
  return 0;
});
