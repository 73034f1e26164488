import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import type { HealthService } from './healthService.ts';
import { judgeMemory, type MemoryLevel, type MemoryReading } from './memoryGauges.ts';

const checkEveryMs = 3_000;
/** While a level lasts, what has come together again since is given up this often. */
const shedEveryMs = 30_000;
const bytesPerMegabyte = 1_000_000;
/** To free less is not worth standing still for. */
const worthCollectingBytes = bytesPerMegabyte;

/** What was given up: in bytes as far as they are known, and conversations that were closed. */
interface GivenUp {
  readonly freedBytes: number;
  readonly conversations: number;
}

interface MemoryWatchOptions {
  readonly health: HealthService;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly read: () => MemoryReading;
  /** Gives up memory, and says how much of what. Must not reject. */
  readonly shed: (level: Exclude<MemoryLevel, 'normal'>) => Promise<GivenUp>;
  /** Frees what was given up. Takes time in which nothing else is done. */
  readonly collect: () => void;
}

/**
 * Looks at the memory every 3 seconds. When it runs out, what can be had again is given up, and the health says so until
 * it is over.
 */
export class MemoryWatch implements Disposable {
  private readonly options: MemoryWatchOptions;
  private timer: Disposable;
  private level: MemoryLevel = 'normal';
  private shedAt = 0;
  /** Something was given up since the last look, and nothing has freed it yet. */
  private hasGivenUp = false;

  constructor(options: MemoryWatchOptions) {
    this.options = options;
    this.timer = this.schedule();
  }

  dispose(): void {
    this.timer.dispose();
  }

  private schedule(): Disposable {
    return this.options.clock.after(checkEveryMs, () => {
      this.check();
      this.timer = this.schedule();
    });
  }

  private check(): void {
    const { health, clock, logger, read, collect } = this.options;
    if (this.hasGivenUp) collect();
    this.hasGivenUp = false;
    const reading = read();
    const former = this.level;
    const { level, gauge } = judgeMemory(reading, former);
    this.level = level;
    if (level === 'normal') {
      if (former === 'normal') return;
      logger.info('There is enough memory again', inMegabytes(reading));
      health.setComponent('memory', 'ready');
      return;
    }
    const isNew = level !== former;
    if (isNew) logger.warn('Memory runs out', { level, gauge, ...inMegabytes(reading) });
    if (isNew || clock.now() - this.shedAt >= shedEveryMs) {
      this.shedAt = clock.now();
      void this.giveUp(level);
    }
    health.setComponent('memory', 'degraded', describe(gauge, reading));
  }

  private async giveUp(level: Exclude<MemoryLevel, 'normal'>): Promise<void> {
    const { freedBytes, conversations } = await this.options.shed(level);
    this.hasGivenUp = conversations > 0 || freedBytes >= worthCollectingBytes;
    this.options.logger.info('Memory was given up', { level, freedBytes, conversations });
  }
}

function describe(gauge: 'heap' | 'process' | 'machine' | undefined, reading: MemoryReading): string {
  const { heapUsedBytes, heapLimitBytes, residentBytes, availableBytes } = reading;
  const advice = 'What is kept to be quicker was given up. Close conversations that you do not need now';
  switch (gauge) {
    case 'machine':
      return `Only ${megabytes(availableBytes)} MB of memory are left on this machine. ${advice}, or other programs.`;
    case 'process':
      return `The server takes ${megabytes(residentBytes)} MB of memory. ${advice}, or restart the server.`;
    default: {
      const percent = Math.round((heapUsedBytes / heapLimitBytes) * 100);
      return `The server uses ${percent} % of the memory that it may use. ${advice}, or restart the server.`;
    }
  }
}

function inMegabytes(reading: MemoryReading): Record<string, number> {
  return Object.fromEntries(
    Object.entries(reading).map(([name, bytes]) => [name.replace('Bytes', 'Megabytes'), megabytes(Number(bytes))]),
  );
}

function megabytes(bytes: number): number {
  return Math.round(bytes / bytesPerMegabyte);
}
