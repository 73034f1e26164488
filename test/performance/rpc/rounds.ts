import { canMeasureProcesses, cpuMs } from '../terminal/processCosts.ts';
import { percentile } from '../statistics.ts';
import type { Subject } from './subject.ts';

/** Figures of ours and of the bare peer, one a round. */
export interface Paired {
  readonly ours: number[];
  readonly bare: number[];
}

/** How calls went: one at a time in milliseconds, and with 64 under way. */
export interface CallFigures {
  readonly p50: Paired;
  readonly p95: Paired;
  readonly p99: Paired;
  readonly perSecond: Paired;
  /** Processor time of the server for one call with 64 under way, in microseconds. Empty where the system does not tell it. */
  readonly processorMicroseconds: Paired;
}

const underWay = 64;
const warmUpMs = 1_500;
const latencyMs = 400;
const throughputMs = 300;

/** Runs `measure` for ours and for the bare one in each round, and who comes first in turn, so that both see the same drift. */
export async function pairedRounds(rounds: number, measure: (whose: keyof Paired) => Promise<number>): Promise<Paired> {
  const paired: Paired = { ours: [], bare: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const whose of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      paired[whose].push(await measure(whose));
    }
  }
  return paired;
}

/** Calls both in rounds. */
export async function measureCalls(
  subjects: { readonly ours: Subject; readonly bare: Subject },
  rounds: number,
): Promise<CallFigures> {
  const empty = (): Paired => ({ ours: [], bare: [] });
  const [p50, p95, p99, processorMicroseconds] = [empty(), empty(), empty(), empty()];
  const perSecond = await pairedRounds(rounds, async (whose) => {
    const subject = subjects[whose];
    const times = await oneByOne(subject, latencyMs);
    p50[whose].push(percentile(times, 50));
    p95[whose].push(percentile(times, 95));
    p99[whose].push(percentile(times, 99));
    const rate = await manyAtOnce(subject, throughputMs);
    if (rate.processorMicroseconds !== undefined) processorMicroseconds[whose].push(rate.processorMicroseconds);
    subject.rest?.();
    return rate.perSecond;
  });
  return { p50, p95, p99, perSecond, processorMicroseconds };
}

/** Milliseconds of each call, one after another for so long. */
export async function oneByOne(subject: Subject, forMs: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + forMs;
  for (let now = performance.now(); now < end;) {
    const startedAt = now;
    await subject.call();
    now = performance.now();
    times.push(now - startedAt);
  }
  return times;
}

/** Calls until the code of both ends is compiled for good: until then the longer one is slower by far. */
export async function warmUp(subject: Subject): Promise<void> {
  await manyAtOnce(subject, warmUpMs);
  subject.rest?.();
}

async function manyAtOnce(
  subject: Subject,
  forMs: number,
): Promise<{ readonly perSecond: number; readonly processorMicroseconds: number | undefined }> {
  const cpuBefore = canMeasureProcesses ? cpuMs(subject.pid) : undefined;
  const startedAt = performance.now();
  let calls = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - startedAt < forMs) {
      await subject.call();
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: underWay }, lane));
  const perSecond = (calls * 1_000) / (performance.now() - startedAt);
  const used = cpuBefore === undefined ? undefined : cpuMs(subject.pid) - cpuBefore;
  return { perSecond, processorMicroseconds: used === undefined ? undefined : (used * 1_000) / calls };
}
