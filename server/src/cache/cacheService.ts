import type { ResultOf } from '../../protocol/contract.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { errorCode, type FileSystem } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { CacheNamespace, type NamespaceOptions } from './cacheNamespace.ts';
import { DiskLevel } from './diskLevel.ts';
import { diskAdvice, unknownNamespace } from './errors.ts';
import type { HealthReporter, SettingsSource } from './ports.ts';

const bytesPerMegabyte = 1_000_000;

export interface CacheServiceOptions {
  /** Absolute path; made when first needed. */
  readonly folder: string;
  readonly settings: SettingsSource;
  readonly health: HealthReporter;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface AnyNamespace extends Pick<
  CacheNamespace<unknown>,
  'weight' | 'memoryBytes' | 'resize' | 'forget' | 'shed' | 'stats' | 'clear' | 'dispose'
> {
  readonly name: string;
}

/**
 * The one cache of the server: namespaces in memory, bounded in bytes, over one level on disk. It never fails a
 * request: what the disk does not give is asked for again.
 */
export class CacheService {
  private readonly options: CacheServiceOptions;
  private readonly disk: DiskLevel;
  private readonly namespaces = new Map<string, AnyNamespace>();
  private readonly settingsChanges: Disposable;

  constructor(options: CacheServiceOptions) {
    this.options = options;
    this.disk = new DiskLevel({ ...options, maxBytes: () => this.maxDiskBytes });
    this.settingsChanges = options.settings.onChanged(() => this.applySettings());
  }

  /** Adds a namespace. The others get smaller by its part. */
  namespace<V>(options: NamespaceOptions<V>): CacheNamespace<V> {
    if (this.namespaces.has(options.name)) throw new Error(`The cache has two namespaces ${options.name}`);
    const { clock, logger } = this.options;
    const context = { disk: this.disk, clock, logger, isEnabled: () => this.isEnabled };
    const namespace = new CacheNamespace(options, context, this.maxMemoryBytes);
    this.namespaces.set(options.name, namespace);
    this.shareMemory();
    return namespace;
  }

  async stats(): Promise<ResultOf<'cache/stats'>> {
    const namespaces = [...this.namespaces.values()].map((namespace) => namespace.stats());
    const usedBytes = namespaces.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    return {
      enabled: this.isEnabled,
      memory: { usedBytes, maxBytes: this.maxMemoryBytes },
      disk: await this.disk.stats(),
      namespaces,
    };
  }

  /** Empties all namespaces, or one. Rejects with `NotFound` for a name that there is not. */
  async clear(name?: string): Promise<ResultOf<'cache/clear'>> {
    if (name !== undefined) {
      const namespace = this.namespaces.get(name);
      if (!namespace) throw unknownNamespace(name, [...this.namespaces.keys()]);
      const { problem, ...freed } = await namespace.clear();
      return { ...freed, ...describe(problem) };
    }
    let memoryBytes = 0;
    for (const namespace of this.namespaces.values()) memoryBytes += namespace.forget();
    const { freedBytes, problem } = await this.disk.clear();
    this.options.logger.info('The cache was cleared', { memoryBytes, diskBytes: freedBytes, error: problem });
    return { memoryBytes, diskBytes: freedBytes, ...describe(problem) };
  }

  /** Gives up a share (0 to 1) of the memory, what was not used for longest first; answers the bytes given up. */
  shed(share: number): number {
    return [...this.namespaces.values()].reduce((sum, namespace) => sum + namespace.shed(share), 0);
  }

  /** Ends what is under way, and waits until what is being written is written. */
  async close(): Promise<void> {
    this.settingsChanges.dispose();
    for (const namespace of this.namespaces.values()) namespace.dispose();
    await this.disk.close();
  }

  private get isEnabled(): boolean {
    return this.options.settings.get('cache.enabled');
  }

  private get maxMemoryBytes(): number {
    return this.options.settings.get('cache.memoryMegabytes') * bytesPerMegabyte;
  }

  private get maxDiskBytes(): number {
    return this.isEnabled ? this.options.settings.get('cache.diskMegabytes') * bytesPerMegabyte : 0;
  }

  private applySettings(): void {
    if (!this.isEnabled) for (const namespace of this.namespaces.values()) namespace.forget();
    this.shareMemory();
    this.disk.settingsChanged();
  }

  private shareMemory(): void {
    const namespaces = [...this.namespaces.values()];
    const weights = namespaces.reduce((sum, { weight }) => sum + weight, 0);
    for (const namespace of namespaces)
      namespace.resize(Math.floor((this.maxMemoryBytes * namespace.weight) / weights));
  }
}

function describe(problem: unknown): { problem?: string } {
  if (problem === undefined) return {};
  const code = errorCode(problem) ?? 'unknown error';
  return { problem: `Some files could not be removed (${code}). ${diskAdvice(code)}` };
}
