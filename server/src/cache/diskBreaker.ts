import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { errorCode } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { diskAdvice } from './errors.ts';
import type { HealthReporter } from './ports.ts';

/**
 * A failure weighs as much as seven damaged entries: damage mostly says something about one file, after a loss of power
 * about many, a failure about the disk. Three failures, or twenty-one damaged entries, within a minute open the breaker.
 */
const openAtPoints = 21;
const pointsOfFailure = 7;
const pointsOfDamage = 1;
const windowMs = 60_000;
const probeEveryMs = 10_000;
const component = 'cacheDisk';

export interface DiskBreakerOptions {
  /** Writes, reads and removes something; rejects while the disk does not work. */
  readonly probe: () => Promise<void>;
  readonly health: HealthReporter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the cache off a disk that fails again and again. That is said once in the log, and in the server's health for
 * as long as it lasts; a probe every 10 seconds finds out when it is over.
 */
export class DiskBreaker implements Disposable {
  private readonly options: DiskBreakerOptions;
  private marks: { readonly at: number; readonly points: number }[] = [];
  private problem: string | undefined;
  private timer: Disposable | undefined;
  private isDisposed = false;
  private failureCount = 0;
  private damageCount = 0;

  constructor(options: DiskBreakerOptions) {
    this.options = options;
  }

  /** What is wrong and what to do, while the disk is left alone. */
  get message(): string | undefined {
    return this.problem;
  }

  get isOpen(): boolean {
    return this.problem !== undefined;
  }

  /** Failures and damaged entries since the start. */
  get counts(): { readonly failures: number; readonly damaged: number } {
    return { failures: this.failureCount, damaged: this.damageCount };
  }

  failed(error: unknown): void {
    this.failureCount += 1;
    const code = errorCode(error) ?? 'unknown error';
    this.options.logger.debug('A disk operation of the cache failed', { code, error });
    this.mark(pointsOfFailure, code);
  }

  damaged(): void {
    this.damageCount += 1;
    this.mark(pointsOfDamage, 'damaged entries');
  }

  /** Forgets what went wrong, because the disk is not used any more or another way than before. */
  reset(): void {
    this.marks = [];
    this.timer?.dispose();
    this.timer = undefined;
    if (this.problem === undefined) return;
    this.problem = undefined;
    this.options.health.setComponent(component, 'ready');
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
  }

  private mark(points: number, code: string): void {
    const now = this.options.clock.now();
    // A clock that was set back leaves marks of the future, which would count for ever.
    this.marks = this.marks.filter(({ at }) => at > now - windowMs && at <= now);
    this.marks.push({ at: now, points });
    const sum = this.marks.reduce((total, mark) => total + mark.points, 0);
    if (sum >= openAtPoints && !this.isOpen && !this.isDisposed) this.open(code);
  }

  private open(code: string): void {
    this.problem = `The cache cannot use the disk (${code}) and keeps answers in memory only, so some are asked for again. ${diskAdvice(code)} The disk is tried again every ${probeEveryMs / 1_000} seconds.`;
    this.options.logger.warn('The cache leaves the disk alone after repeated failures', { code });
    this.options.health.setComponent(component, 'degraded', this.problem);
    this.probeLater();
  }

  private probeLater(): void {
    this.timer = this.options.clock.after(probeEveryMs, () => void this.probe());
  }

  private async probe(): Promise<void> {
    const asked = this.problem;
    try {
      await this.options.probe();
    } catch (error) {
      this.options.logger.debug('The disk of the cache still fails', { error });
      if (!this.isDisposed && asked !== undefined && this.problem === asked) this.probeLater();
      return;
    }
    if (this.isDisposed || this.problem === undefined) return;
    this.options.logger.info('The cache uses the disk again');
    this.reset();
  }
}
