import { LRUCache } from 'lru-cache';
import type { CacheNamespaceStats } from '../../protocol/cache.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { DiskLevel, StoredEntry } from './diskLevel.ts';
import { Flights } from '../base/flights.ts';

/** How long an answer is good for. */
export interface Lifetime {
  /** Given without asking again. */
  readonly freshForMs: number;
  /** After that: given to whoever accepts something old, while it is asked for anew. */
  readonly staleForMs: number;
}

export interface NamespaceOptions<V> {
  /** Letters only; names a folder on disk and a line in the statistics. */
  readonly name: string;
  /** Its part of the memory, beside the other namespaces' parts. */
  readonly weight: number;
  lifetimeOf(value: V): Lifetime;
  /** What an entry takes in memory, about. */
  sizeBytesOf(value: V): number;
  /**
   * Left out: kept in memory only. `encode` gives undefined for what must not be written, `decode` for what it does not
   * know, from another version say.
   */
  readonly disk?: { encode(value: V): Uint8Array | undefined; decode(bytes: Uint8Array): V | undefined };
}

export interface Lookup {
  /** `stale`: something old will do while it is asked for anew. `nothing`: ask in any case. Default: `fresh`. */
  readonly accept?: 'stale' | 'fresh' | 'nothing';
  /** Ends the waiting, and the question itself if nobody else waits for it. */
  readonly signal?: AbortSignal;
}

/** Finds the answer. `previous` is the old one, if there is one. */
export type Loader<V> = (signal: AbortSignal, previous: V | undefined) => Promise<V>;

export interface NamespaceContext {
  readonly disk: DiskLevel;
  readonly clock: Clock;
  readonly logger: Logger;
  isEnabled(): boolean;
}

interface Entry<V> {
  readonly value: V;
  readonly sizeBytes: number;
  readonly storedAt: number;
  readonly freshUntil: number;
  readonly usableUntil: number;
}

/**
 * What one part of the server remembers. Keys are its own; nothing in here pushes out what others keep. Rejects only
 * where the question itself fails, whatever the disk does.
 */
export class CacheNamespace<V> {
  readonly name: string;
  readonly weight: number;
  private readonly options: NamespaceOptions<V>;
  private readonly context: NamespaceContext;
  private readonly lookups = new Flights<V>();
  private readonly loads = new Flights<V>();
  private readonly counts = { memoryHits: 0, diskHits: 0, staleHits: 0, misses: 0, joined: 0, evictions: 0 };
  private memory: LRUCache<string, Entry<V>>;
  /** Rises when everything is forgotten: what was asked for before is not kept any more. */
  private generation = 0;
  /** What stands on disk from before then is not given any more, even if it could not be removed. */
  private forgottenAt = -Infinity;

  constructor(options: NamespaceOptions<V>, context: NamespaceContext, maxMemoryBytes: number) {
    this.name = options.name;
    this.weight = options.weight;
    this.options = options;
    this.context = context;
    this.memory = this.createMemory(maxMemoryBytes);
  }

  get memoryBytes(): number {
    return this.memory.calculatedSize;
  }

  /** What is in memory and fresh; undefined else. */
  get(key: string): V | undefined {
    const entry = this.memory.get(key);
    if (entry === undefined) return undefined;
    const now = this.context.clock.now();
    // A clock that was set back must not make an answer good for longer.
    if (now >= entry.freshUntil || now < entry.storedAt) return undefined;
    this.counts.memoryHits += 1;
    return entry.value;
  }

  /** Gives what is kept under `key`, or asks `load` and keeps the answer. Many at once ask once. */
  async fetch(key: string, load: Loader<V>, { accept = 'fresh', signal }: Lookup = {}): Promise<V> {
    if (accept === 'nothing') return this.load(key, load, this.peek(key)?.value, signal);
    const fresh = this.get(key);
    if (fresh !== undefined) return fresh;
    const old = this.peek(key);
    if (old && accept === 'stale') return this.giveOld(key, load, old.value);
    if (this.lookups.has(key)) {
      this.counts.joined += 1;
      return this.lookups.join(key, (shared) => this.load(key, load, undefined, shared), signal);
    }
    return this.lookups.join(key, (shared) => this.lookUp(key, load, { accept, signal: shared }), signal);
  }

  /** Counts a question that the asker knew to be in vain. */
  countMiss(): void {
    this.counts.misses += 1;
  }

  /** Forgets everything, in memory now and on disk soon; what is being asked for now will not be kept. */
  async clear(): Promise<{ readonly memoryBytes: number; readonly diskBytes: number; readonly problem?: unknown }> {
    const memoryBytes = this.forget();
    if (!this.options.disk) return { memoryBytes, diskBytes: 0 };
    const { freedBytes, ...rest } = await this.context.disk.clear(this.name);
    return { memoryBytes, diskBytes: freedBytes, ...rest };
  }

  /** Forgets what is in memory; answers how many bytes that was. */
  forget(): number {
    const { memoryBytes } = this;
    this.generation += 1;
    this.forgottenAt = this.context.clock.now();
    this.lookups.forget();
    this.loads.forget();
    this.memory.clear();
    return memoryBytes;
  }

  /** Gives up the share (0 to 1) of memory that was not used for longest; answers how many bytes that was. */
  shed(share: number): number {
    const before = this.memoryBytes;
    const target = before * (1 - Math.min(1, Math.max(0, share)));
    while (this.memoryBytes > target) {
      if (this.memory.pop() === undefined) break;
    }
    return before - this.memoryBytes;
  }

  /** From now on its memory is bounded anew; what was used last stays. */
  resize(maxMemoryBytes: number): void {
    if (maxMemoryBytes === this.memory.maxSize) return;
    const old = this.memory;
    this.memory = this.createMemory(maxMemoryBytes);
    for (const key of [...old.rkeys()]) {
      const entry = old.peek(key);
      if (entry) this.memory.set(key, entry, { size: entry.sizeBytes });
    }
  }

  stats(): CacheNamespaceStats {
    const { memoryHits, diskHits, staleHits, misses } = this.counts;
    const hits = memoryHits + diskHits + staleHits;
    return {
      name: this.name,
      ...this.counts,
      hitRate: hits + misses === 0 ? 0 : hits / (hits + misses),
      entries: this.memory.size,
      memoryBytes: this.memoryBytes,
      maxMemoryBytes: this.memory.maxSize,
    };
  }

  dispose(): void {
    this.forget();
    this.lookups.dispose();
    this.loads.dispose();
  }

  private createMemory(maxMemoryBytes: number): LRUCache<string, Entry<V>> {
    return new LRUCache({
      maxSize: Math.max(1, Math.floor(maxMemoryBytes)),
      dispose: (_entry, _key, reason) => {
        if (reason === 'evict') this.counts.evictions += 1;
      },
    });
  }

  /** What is in memory and may still be given, fresh or not. */
  private peek(key: string): Entry<V> | undefined {
    const entry = this.memory.peek(key);
    const now = this.context.clock.now();
    return entry && now < entry.usableUntil && now >= entry.storedAt ? entry : undefined;
  }

  private giveOld(key: string, load: Loader<V>, value: V): V {
    this.counts.staleHits += 1;
    if (!this.loads.has(key)) {
      this.load(key, load, value).catch((error: unknown) => {
        this.context.logger.debug('Asking anew for what the cache holds failed', { namespace: this.name, error });
      });
    }
    return value;
  }

  private async lookUp(key: string, load: Loader<V>, { accept, signal }: Required<Lookup>): Promise<V> {
    const { generation } = this;
    const entry = this.options.disk && (await this.readDisk(key));
    if (!entry || generation !== this.generation) return this.load(key, load, undefined, signal);
    this.keepInMemory(key, entry);
    if (this.context.clock.now() < entry.freshUntil) {
      this.counts.diskHits += 1;
      return entry.value;
    }
    return accept === 'stale' ? this.giveOld(key, load, entry.value) : this.load(key, load, entry.value, signal);
  }

  private load(key: string, load: Loader<V>, previous: V | undefined, signal?: AbortSignal): Promise<V> {
    if (this.loads.has(key)) this.counts.joined += 1;
    else this.counts.misses += 1;
    return this.loads.join(key, (shared) => this.ask(key, load, previous, shared), signal);
  }

  private async ask(key: string, load: Loader<V>, previous: V | undefined, signal: AbortSignal): Promise<V> {
    const { generation } = this;
    const value = await load(signal, previous);
    if (generation === this.generation && this.context.isEnabled()) this.keep(key, value);
    return value;
  }

  private keep(key: string, value: V): void {
    const storedAt = this.context.clock.now();
    const { freshForMs, staleForMs } = this.options.lifetimeOf(value);
    const times = { storedAt, freshUntil: storedAt + freshForMs, usableUntil: storedAt + freshForMs + staleForMs };
    if (freshForMs + staleForMs <= 0) {
      this.memory.delete(key);
      return;
    }
    this.keepInMemory(key, { value, sizeBytes: this.options.sizeBytesOf(value), ...times });
    const bytes = this.context.disk.isUsed ? this.options.disk?.encode(value) : undefined;
    if (bytes) this.context.disk.write(this.name, key, { bytes, ...times });
  }

  private keepInMemory(key: string, entry: Entry<V>): void {
    // The size of an entry is at least one byte, or the library would not take it.
    const sizeBytes = Math.max(1, Math.ceil(entry.sizeBytes));
    this.memory.set(key, { ...entry, sizeBytes }, { size: sizeBytes });
  }

  private async readDisk(key: string): Promise<Entry<V> | undefined> {
    const stored: StoredEntry | undefined = await this.context.disk.read(this.name, key);
    const now = this.context.clock.now();
    if (!stored || now >= stored.usableUntil || now < stored.storedAt) return undefined;
    if (stored.storedAt <= this.forgottenAt) return undefined;
    const value = this.options.disk?.decode(stored.bytes);
    if (value === undefined) return undefined;
    const { storedAt, freshUntil, usableUntil } = stored;
    return { value, sizeBytes: this.options.sizeBytesOf(value), storedAt, freshUntil, usableUntil };
  }
}
