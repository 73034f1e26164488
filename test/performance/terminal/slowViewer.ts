import { memoryOf } from './processCosts.ts';
import type { SampleFile } from './sampleFile.ts';
import { OurPeer } from './terminalPeer.ts';

const sampleMs = 50;

/** What a viewer that has stopped costs while another one reads on. Bytes, and MB/s of the one that reads. */
export interface SlowViewer {
  /** Above what the process had before the flood. */
  readonly hostGrowth: number;
  readonly serverOfFastGrowth: number;
  readonly serverOfSlowGrowth: number;
  /** All bytes reached the fast viewer, none twice. */
  readonly fastIsComplete: boolean;
  readonly slowReceived: number;
  readonly megabytesPerSecond: number;
  /** The same without the stopped viewer. */
  readonly megabytesPerSecondAlone: number;
}

/** Two windows watch a terminal through which `sample` goes; one of them stops acknowledging at the first byte. */
export async function measureSlowViewer(sample: SampleFile): Promise<SlowViewer> {
  const fast = await OurPeer.start();
  try {
    await flood(fast, sample, undefined);
    const { ms: aloneMs } = await flood(fast, sample, undefined);
    const slow = await OurPeer.start({ other: fast });
    try {
      const pids = { host: fast.hostPid, fast: fast.serverPid, slow: slow.serverPid };
      const before = { host: memory(pids.host), fast: memory(pids.fast), slow: memory(pids.slow) };
      const most = { ...before };
      const sampling = setInterval(() => {
        for (const name of ['host', 'fast', 'slow'] as const) most[name] = Math.max(most[name], memory(pids[name]));
      }, sampleMs);
      const { ms, fastReceived, slowReceived } = await flood(fast, sample, slow).finally(() => clearInterval(sampling));
      return {
        hostGrowth: most.host - before.host,
        serverOfFastGrowth: most.fast - before.fast,
        serverOfSlowGrowth: most.slow - before.slow,
        fastIsComplete: fastReceived === sample.terminalBytes,
        slowReceived,
        megabytesPerSecond: sample.fileBytes / 1_000 / ms,
        megabytesPerSecondAlone: sample.fileBytes / 1_000 / aloneMs,
      };
    } finally {
      await slow.end();
    }
  } finally {
    await fast.end();
  }
}

async function flood(fast: OurPeer, sample: SampleFile, slow: OurPeer | undefined) {
  const ready = Promise.withResolvers<undefined>();
  const finished = Promise.withResolvers<undefined>();
  let fastReceived = -1;
  let slowReceived = 0;
  const sessionId = await fast.create(`stty -echo; printf R; read -r go; cat '${sample.file}'; exec sleep 600`);
  await fast.watch(sessionId, (data) => {
    fastReceived += data.length;
    ready.resolve(undefined);
    if (fastReceived >= sample.terminalBytes) finished.resolve(undefined);
  });
  await ready.promise;
  await slow?.watch(sessionId, (data) => (slowReceived += data.length));
  slow?.hold(sessionId, true);
  const startedAt = performance.now();
  await fast.write(sessionId, '\n');
  await finished.promise;
  const ms = performance.now() - startedAt;
  await fast.close(sessionId);
  return { ms, fastReceived, slowReceived };
}

const memory = (pid: number): number => memoryOf(pid).resident;
