import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import type { HealthService } from './healthService.ts';
import { judgeMemory, type MemoryLevel, type MemoryReading } from './memoryGauges.ts';

const checkEveryMs = 3_000;
/** While a level lasts, what has come together again since is given up this often. */
const shedEveryMs = 30_000;
const bytesPerMegabyte = 1_000_000;

interface MemoryWatchOptions {
  readonly health: HealthService;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly read: () => MemoryReading;
  /** Gives up memory; answers the bytes as far as they are known. Must not throw. */
  readonly shed: (level: Exclude<MemoryLevel, 'normal'>) => number;
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
    const { health, clock, logger, read, shed } = this.options;
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
      const freedBytes = shed(level);
      logger.info('Memory was given up', { level, freedBytes });
    }
    health.setComponent('memory', 'degraded', describe(gauge, reading));
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
