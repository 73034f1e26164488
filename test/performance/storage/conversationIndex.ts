import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { buildProduct } from '../../../scripts/build.ts';
import { runTask } from '../../../scripts/command.ts';
import { distFolder } from '../../../scripts/project.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { ConversationIndex } from '../../../server/src/storage/index/conversationIndex.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { percentile, summarize } from '../statistics.ts';
import { word, wordCount, writeManyConversations } from './manyConversations.ts';

/**
 * Measures the index beside reading the journals themselves: building it, starting with it, listing and searching.
 * `node test/performance/storage/conversationIndex.ts [--conversations 10000] [--rounds 20]`
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { conversations: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '20' } },
  });
  const [count, rounds] = [Number(values.conversations), Number(values.rounds)];
  await buildProduct({ names: ['indexWorker'], minify: true });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ada-index-'));
  try {
    console.log(`${count} conversations of two turns, medians (smallest to largest) of ${rounds}`);
    writeManyConversations(folder, count);
    await measure(folder, { count, rounds });
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  return 0;
}

async function measure(folder: string, { count, rounds }: { count: number; rounds: number }): Promise<void> {
  const indexFile = path.join(folder, 'index.sqlite');
  const logger = createLogger((_level, line) => console.error(line), 'warn');
  const open = (): { index: ConversationIndex; store: JournalStore } => {
    const index = new ConversationIndex({
      dataFolder: folder,
      workerFile: path.join(distFolder, 'indexWorker.js'),
      wasmFile: path.join(distFolder, 'sql-wasm.wasm'),
      clock: systemClock,
      logger,
      onProgress: () => undefined,
      onTrouble: (trouble) => trouble !== undefined && console.error(trouble),
    });
    return { index, store: new JournalStore({ dataFolder: folder, logger, clock: systemClock, index }) };
  };

  const first = open();
  const startedAt = performance.now();
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const duringBuild: number[] = [];
  for (let isComplete = false; !isComplete;) {
    const askedAt = performance.now();
    ({ isComplete } = await first.index.search(word(7), 50, undefined));
    duringBuild.push(performance.now() - askedAt);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const buildMs = performance.now() - startedAt;
  console.log(`built: ${ms(buildMs)}, ${Math.round((count / buildMs) * 1000)} conversations a second`);
  // The first ones wait for the thread to start, and for a build that may be short.
  const asked = duringBuild.slice(1, -1);
  if (asked.length > 0) report('search while it is built', asked);
  await saved(indexFile);
  delays.disable();
  const worst = delays.max / 1e6;
  console.log(`main thread while it is built and saved: p99 ${ms(delays.percentile(99) / 1e6)}, longest ${ms(worst)}`);
  console.log(`size: ${(statSync(indexFile).size / 1e6).toFixed(1)} MB`);
  await close(first);

  report(
    'start with the saved index: first list',
    await repeat(Math.min(rounds, 5), async () => {
      const next = open();
      const began = performance.now();
      await next.store.list([folder]);
      const took = performance.now() - began;
      await close(next);
      return took;
    }),
  );

  const { index, store } = open();
  await store.list([folder]);
  report(`list of ${(await store.list([folder])).length}`, await timed(rounds, () => store.list([folder])));
  const direct = new JournalStore({ dataFolder: folder, logger, clock: systemClock });
  report('list of the newest 1,000 without the index, first', await timed(1, () => direct.list([folder])));
  report('list of the newest 1,000 without the index, again', await timed(rounds, () => direct.list([folder])));
  await direct.dispose();
  const queries: Readonly<Record<string, () => string>> = {
    'search for a common word': () => word(3),
    'search for a rare word': () => word(wordCount - 1 - Math.floor(Math.random() * 100)),
    'search for two words': () => `${word(1)} ${word(9)}`,
    'search for the beginning of words': () => word(Math.floor(Math.random() * 100)).slice(0, 2),
  };
  for (const [what, query] of Object.entries(queries)) {
    report(what, await timed(rounds, () => index.search(query(), 50, undefined)));
  }
  report('usage of all days', await timed(rounds, () => index.usage('0000-01-01', '9999-12-31', undefined)));
  await close({ index, store });
}

async function close({ index, store }: { index: ConversationIndex; store: JournalStore }): Promise<void> {
  await store.dispose();
  await index.dispose();
}

async function saved(file: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (statSync(file, { throwIfNoEntry: false }) === undefined) {
    if (performance.now() > end) throw new Error('The index was not saved within a minute.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function timed(rounds: number, work: () => Promise<unknown>): Promise<number[]> {
  return repeat(rounds, async () => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  });
}

async function repeat(rounds: number, measureOnce: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round++) values.push(await measureOnce());
  return values;
}

function report(what: string, values: readonly number[]): void {
  const { median, min, max } = summarize(values);
  console.log(`${what}: ${ms(median)} (${ms(min)} to ${ms(max)}), p95 ${ms(percentile(values, 95))}`);
}

const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;

await runTask(main);
