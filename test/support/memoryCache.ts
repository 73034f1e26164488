import { readSettings, type Settings } from '../../server/protocol/settings.ts';
import { systemClock, type Clock } from '../../server/src/base/clock.ts';
import { nodeFileSystem, type FileSystem } from '../../server/src/base/fileSystem.ts';
import { CacheService } from '../../server/src/cache/cacheService.ts';
import { recordingLogger } from './recordingLogger.ts';

/** Settings of a cache that a test may change, and the one to call when it has. */
export class CacheSettings {
  private readonly listeners = new Set<() => void>();
  private values: Settings;

  constructor(values: Readonly<Record<string, unknown>> = {}) {
    this.values = readSettings(values).settings;
  }

  get listenerCount(): number {
    return this.listeners.size;
  }

  get<K extends keyof Settings>(key: K): Settings[K] {
    return this.values[key];
  }

  onChanged(listener: () => void): { dispose(): void } {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  }

  replace(values: Readonly<Record<string, unknown>>): void {
    this.values = readSettings(values).settings;
    for (const listener of this.listeners) listener();
  }
}

/** What stands in a server's health, by component. */
export class RecordedHealth {
  readonly components = new Map<string, { readonly status: string; readonly message: string | undefined }>();

  setComponent(name: string, status: 'ready' | 'degraded', message?: string): void {
    this.components.set(name, { status, message });
  }
}

/** The real cache on `folder`; without one, in memory alone. The owner closes it. */
export function createCache(
  options: {
    readonly folder?: string;
    readonly clock?: Clock;
    readonly fileSystem?: FileSystem;
    readonly settings?: CacheSettings;
    readonly health?: RecordedHealth;
    readonly logger?: ReturnType<typeof recordingLogger>['logger'];
  } = {},
): CacheService {
  const { folder, clock = systemClock, fileSystem = nodeFileSystem, health = new RecordedHealth() } = options;
  const settings = options.settings ?? new CacheSettings(folder === undefined ? { 'cache.diskMegabytes': 0 } : {});
  const logger = options.logger ?? recordingLogger().logger;
  return new CacheService({ folder: folder ?? '/nonexistent', settings, health, fileSystem, clock, logger });
}
