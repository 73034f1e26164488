import * as path from 'node:path';
import * as cacache from 'cacache';
import { LRUCache } from 'lru-cache';
import type { CacheNamespace } from '../../../server/src/cache/cacheNamespace.ts';
import { coarseClock } from '../../../server/src/base/clock.ts';
import { createCache } from '../../support/memoryCache.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { inTurn, summarize } from '../statistics.ts';
import type { Comparison } from './comparison.ts';

const memoryEntries = 10_000;
const memoryRounds = 200_000;
const missRounds = 20_000;
const diskEntries = 300;
const diskBytes = 10_000;
const lifetimeMs = 3_600_000;

const namespace = {
  name: 'measured',
  weight: 1,
  lifetimeOf: () => ({ freshForMs: lifetimeMs, staleForMs: 0 }),
  sizeBytesOf: (value: Buffer): number => value.byteLength,
  disk: { encode: (value: Buffer): Uint8Array => value, decode: (bytes: Uint8Array): Buffer => Buffer.from(bytes) },
};

/** Hits and misses of the cache beside the libraries by themselves: lru-cache in memory, cacache on disk. */
export async function measureCache(rounds: number): Promise<Comparison[]> {
  const folder = temporaryFolder();
  const cache = createCache({ folder: path.join(folder.path, 'ours'), clock: coarseClock });
  const inMemory = createCache({ clock: coarseClock });
  try {
    return [
      ...(await measureMemory(inMemory.namespace({ ...namespace, name: 'memory' }), rounds)),
      ...(await measureDisk(cache.namespace(namespace), path.join(folder.path, 'bare'), rounds)),
    ];
  } finally {
    await cache.close();
    await inMemory.close();
    folder.remove();
  }
}

async function measureMemory(ours: CacheNamespace<Buffer>, rounds: number): Promise<Comparison[]> {
  const keys = Array.from({ length: memoryEntries }, (_, index) => `key number ${index}`);
  const value = Buffer.alloc(100);
  const load = (): Promise<Buffer> => Promise.resolve(value);
  const bare = new LRUCache<string, Buffer>({
    maxSize: 32_000_000,
    sizeCalculation: ({ byteLength }) => byteLength,
    ttl: lifetimeMs,
    fetchMethod: load,
  });
  for (const key of keys) {
    await ours.fetch(key, load);
    bare.set(key, value);
  }
  const perCall = async (call: (key: string) => unknown): Promise<number> => {
    const startedAt = process.hrtime.bigint();
    for (let index = 0; index < memoryRounds; index++) {
      if (call(keys[index % memoryEntries] ?? '') === undefined) throw new Error('This should have been a hit.');
    }
    return Promise.resolve(Number(process.hrtime.bigint() - startedAt) / memoryRounds);
  };
  const perAwait = async (call: (key: string) => Promise<unknown>, count = memoryRounds): Promise<number> => {
    const startedAt = process.hrtime.bigint();
    for (let index = 0; index < count; index++) await call(keys[index % memoryEntries] ?? '');
    return Number(process.hrtime.bigint() - startedAt) / count;
  };
  let fresh = 0;
  const direct = await inTurn(
    rounds,
    () => perCall((key) => ours.get(key)),
    () => perCall((key) => bare.get(key)),
  );
  const awaited = await inTurn(
    rounds,
    () => perAwait((key) => ours.fetch(key, load)),
    () => perAwait((key) => bare.fetch(key)),
  );
  const missed = await inTurn(
    rounds,
    () => perAwait((key) => ours.fetch(`${key} ${fresh++}`, load), missRounds),
    () => perAwait((key) => bare.fetch(`${key} ${fresh++}`), missRounds),
  );
  const compare = (what: string, peer: string, { ours: one, bare: other }: typeof direct): Comparison => {
    return { what, unit: 'ns', ours: summarize(one), bare: summarize(other), peer, targetRatio: 2 };
  };
  const { targetRatio: _none, ...miss } = compare('cache, memory miss', 'lru-cache `fetch`', missed);
  return [
    compare('cache, memory hit', 'lru-cache `get` with TTL', direct),
    compare('cache, memory hit, awaited', 'lru-cache `fetch`', awaited),
    miss,
  ];
}

async function measureDisk(ours: CacheNamespace<Buffer>, bareFolder: string, rounds: number): Promise<Comparison[]> {
  const keys = Array.from({ length: diskEntries }, (_, index) => `key number ${index}`);
  const values = keys.map((_, index) => Buffer.alloc(diskBytes, `value ${index} `));
  for (const [index, key] of keys.entries()) {
    const value = values[index] ?? Buffer.alloc(0);
    await ours.fetch(key, () => Promise.resolve(value));
    await cacache.put(bareFolder, key, value);
  }
  const perKey = async (call: (key: string) => Promise<unknown>): Promise<number> => {
    const startedAt = process.hrtime.bigint();
    for (const key of keys) await call(key);
    return Number(process.hrtime.bigint() - startedAt) / diskEntries / 1_000;
  };
  const notThere = (): Promise<Buffer> => Promise.reject(new Error('This is asked for in vain.'));
  const swallow = (): undefined => undefined;
  const hit = await inTurn(
    rounds,
    () => {
      ours.shed(1);
      return perKey((key) => ours.fetch(key, notThere));
    },
    () => perKey((key) => cacache.get(bareFolder, key, { memoize: false })),
  );
  const miss = await inTurn(
    rounds,
    () => perKey((key) => ours.fetch(`no ${key}`, notThere).catch(swallow)),
    () => perKey((key) => cacache.get(bareFolder, `no ${key}`, { memoize: false }).catch(swallow)),
  );
  const base = { unit: 'µs', peer: 'cacache `get`' } as const;
  return [
    {
      ...base,
      what: 'cache, disk hit of 10 kB',
      ours: summarize(hit.ours),
      bare: summarize(hit.bare),
      targetRatio: 2,
    },
    { ...base, what: 'cache, disk miss', ours: summarize(miss.ours), bare: summarize(miss.bare) },
  ];
}
