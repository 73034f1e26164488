import * as os from 'node:os';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

/** What one look at the memory has found, in bytes. */
export interface MemoryReading {
  /** Of the old generation: the young one is emptied all the time. */
  readonly heapUsedBytes: number;
  /** What V8 ends the process beyond. */
  readonly heapLimitBytes: number;
  /** What the process takes of the machine, code and buffers included. */
  readonly residentBytes: number;
  /** What is left for it, on the machine or in its container, and how much there is of that in all. */
  readonly availableBytes: number;
  readonly totalBytes: number;
}

/** `elevated`: what can be had again is given up. `critical`: everything that nobody uses now is. */
export type MemoryLevel = 'normal' | 'elevated' | 'critical';

/** One way in which memory can run out. */
interface MemoryGauge {
  readonly name: 'heap' | 'process' | 'machine';
  /** How far it has run out: 1 is the level's threshold, more is worse. */
  readonly elevated: (reading: MemoryReading) => number;
  readonly critical: (reading: MemoryReading) => number;
}

const megabyte = 1_000_000;
/**
 * V8 collects ever more often from some 80 % of its limit on, and at 100 % the process ends. A conversation that is
 * opened takes some 10 % of the smallest limit in use, so the last level leaves room for one.
 */
const heapShares = { elevated: 0.75, critical: 0.87 };
/** The server shall never need more than 500 MB; twice that means that something holds what it should not. */
const residentLimits = { elevated: 1_000 * megabyte, critical: 1_500 * megabyte };
/** On a small machine or in a container a share counts, on a large one an amount: below it systems begin to swap. */
const leftShares = { elevated: 0.1, critical: 0.04 };
const leftLimits = { elevated: 512 * megabyte, critical: 256 * megabyte };
/** A level is left only when its threshold is undercut by this share, so that it does not come and go. */
const hysteresis = 0.92;

const gauges: readonly MemoryGauge[] = [
  {
    name: 'heap',
    elevated: ({ heapUsedBytes, heapLimitBytes }) => heapUsedBytes / heapLimitBytes / heapShares.elevated,
    critical: ({ heapUsedBytes, heapLimitBytes }) => heapUsedBytes / heapLimitBytes / heapShares.critical,
  },
  {
    name: 'process',
    elevated: ({ residentBytes }) => residentBytes / residentLimits.elevated,
    critical: ({ residentBytes }) => residentBytes / residentLimits.critical,
  },
  {
    name: 'machine',
    elevated: (reading) => leastLeft(reading, 'elevated') / Math.max(1, reading.availableBytes),
    critical: (reading) => leastLeft(reading, 'critical') / Math.max(1, reading.availableBytes),
  },
];

/** The worst level, and which gauge says so. `former` is the level before: it is left later than it was reached. */
export function judgeMemory(
  reading: MemoryReading,
  former: MemoryLevel,
): { readonly level: MemoryLevel; readonly gauge: MemoryGauge['name'] | undefined } {
  for (const level of ['critical', 'elevated'] as const) {
    const wasReached = former === level || former === 'critical';
    const threshold = wasReached ? hysteresis : 1;
    const [worst] = [...gauges].sort((a, b) => b[level](reading) - a[level](reading));
    if (worst !== undefined && worst[level](reading) >= threshold) return { level, gauge: worst.name };
  }
  return { level: 'normal', gauge: undefined };
}

/** V8's own figure has the reservation of the young generation in it, 192 MiB at most, which does not help the old one. */
const youngBytes = 3 * 64 * 1024 * 1024;
const heapLimitBytes = limitOfOldGeneration();

function limitOfOldGeneration(): number {
  const flags = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)].join(' ');
  const megabytes = /--max[-_]old[-_]space[-_]size[= ](\d+)/.exec(flags)?.[1];
  if (megabytes !== undefined) return Number(megabytes) * 1024 * 1024;
  const { heap_size_limit: limitBytes } = getHeapStatistics();
  return limitBytes > 4 * youngBytes ? limitBytes - youngBytes : limitBytes;
}

/** Looks at this process and its machine; takes microseconds. */
export function readMemory(): MemoryReading {
  const oldSpaces = getHeapSpaceStatistics().filter(({ space_name: name }) => !name.startsWith('new_'));
  const constrained = process.constrainedMemory();
  const installed = os.totalmem();
  return {
    heapUsedBytes: oldSpaces.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0),
    heapLimitBytes,
    residentBytes: process.memoryUsage.rss(),
    availableBytes: process.availableMemory(),
    // Without a limit some systems answer 0, others a number beyond all memory.
    totalBytes: constrained > 0 ? Math.min(constrained, installed) : installed,
  };
}

function leastLeft({ totalBytes }: MemoryReading, level: 'elevated' | 'critical'): number {
  return Math.min(totalBytes * leftShares[level], leftLimits[level]);
}
