import { z } from 'zod';
import { request } from './declaration.ts';

const count = z.int().min(0);
const bytes = z.number().min(0);

export const cacheNamespaceStats = z.object({
  /** What it holds: `models`, `fileLists`. */
  name: z.string(),
  /** Answered from memory or from disk, since the server started; those that were old and asked for anew among them. */
  memoryHits: count,
  diskHits: count,
  staleHits: count,
  /** Had to be asked for. */
  misses: count,
  /** Waited for a question that was under way already. */
  joined: count,
  /** Hits of all lookups, from 0 to 1; 0 before the first. */
  hitRate: z.number().min(0).max(1),
  entries: count,
  memoryBytes: bytes,
  maxMemoryBytes: bytes,
  /** Pushed out of memory by others, or under pressure. */
  evictions: count,
});
export type CacheNamespaceStats = z.output<typeof cacheNamespaceStats>;

export const cacheDiskStats = z.object({
  /** `off` by setting; `failed` after repeated failures, until a probe finds it mended. */
  status: z.enum(['ready', 'off', 'failed']),
  /** What is wrong and what to do, where it has failed. */
  message: z.string().optional(),
  /** Taken on disk, in whole blocks of 4 KiB; null where that cannot be found out now. */
  usedBytes: bytes.nullable(),
  maxBytes: bytes,
  /** Operations that failed, and entries that were found damaged and put aside, since the server started. */
  failures: count,
  damaged: count,
});
export type CacheDiskStats = z.output<typeof cacheDiskStats>;

export const cache = {
  'cache/stats': request({
    summary: 'Says what the cache holds, in memory and on disk, and how often each of its namespaces had the answer.',
    params: z.strictObject({}),
    result: z.object({
      enabled: z.boolean(),
      memory: z.object({ usedBytes: bytes, maxBytes: bytes }),
      disk: cacheDiskStats,
      namespaces: z.array(cacheNamespaceStats),
    }),
    scope: 'read',
  }),
  'cache/clear': request({
    summary: 'Empties the cache, or one namespace of it, in memory and on disk, and says what was freed.',
    params: z.strictObject({ namespace: z.string().max(64).optional() }),
    result: z.object({
      memoryBytes: bytes,
      diskBytes: bytes,
      /** Why something was left on disk, where it was. */
      problem: z.string().optional(),
    }),
    errors: ['NotFound'],
    scope: 'admin',
    timeoutMs: 30_000,
  }),
} as const;
