import type { ResultOf } from '../../../server/protocol/contract.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { describeError, type Log } from '../log.ts';

export type HealthReport = ResultOf<'server/health'>;

export const healthTiming = {
  /** Between two questions while nothing is going on. */
  idleIntervalMs: 5_000,
  /** Between two questions while a request waits, or after a miss. */
  busyIntervalMs: 1_000,
  /** An answer that takes longer is a miss. */
  answerLimitMs: 3_000,
  /** A timer that fires this much off its time tells of a sleep or of a blocked extension host, not of the server. */
  latenessMs: 500,
  /** Misses in a row that make a server unresponsive. */
  missLimit: 2,
} as const;

export interface HealthMonitorOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly ask: () => Promise<HealthReport>;
  readonly lastMessageAt: () => number;
  readonly isRequestWaiting: () => boolean;
  readonly onReport: (report: HealthReport) => void;
  /** Called once; the monitor asks no more. */
  readonly onUnresponsive: () => void;
}

/** Asks one server for its health, again and again, and judges the silence. */
export class HealthMonitor implements Disposable {
  private readonly options: HealthMonitorOptions;
  private timer: Disposable | undefined;
  private misses = 0;
  private asking = false;
  private disposed = false;

  constructor(options: HealthMonitorOptions) {
    this.options = options;
    this.ask();
  }

  /** A request has begun to wait: look more often from now on. */
  requestBegan(): void {
    if (!this.asking && !this.disposed) this.schedule();
  }

  dispose(): void {
    this.disposed = true;
    this.timer?.dispose();
  }

  private schedule(): void {
    this.asking = false;
    this.timer?.dispose();
    if (this.disposed) return;
    const busy = this.misses > 0 || this.options.isRequestWaiting();
    const intervalMs = busy ? healthTiming.busyIntervalMs : healthTiming.idleIntervalMs;
    this.timer = this.options.clock.after(intervalMs, () => this.ask());
  }

  private ask(): void {
    const { clock, log } = this.options;
    const askedAt = clock.now();
    let isOpen = true;
    const close = (): boolean => {
      const wasOpen = isOpen && !this.disposed;
      isOpen = false;
      return wasOpen;
    };
    this.asking = true;
    this.timer = clock.after(healthTiming.answerLimitMs, () => {
      if (close()) this.judgeSilence(askedAt);
    });
    this.options.ask().then(
      (report) => {
        if (!close()) return;
        this.misses = 0;
        this.options.onReport(report);
        this.schedule();
      },
      (error: unknown) => {
        if (!close()) return;
        // An error is an answer too. Where the connection has gone, the end of the process says so.
        log.warn(`The server answered the question for its health with an error: ${describeError(error)}`);
        this.schedule();
      },
    );
  }

  private judgeSilence(askedAt: number): void {
    const { clock, log, lastMessageAt } = this.options;
    const offMs = clock.now() - askedAt - healthTiming.answerLimitMs;
    if (lastMessageAt() > askedAt) {
      this.misses = 0;
    } else if (Math.abs(offMs) <= healthTiming.latenessMs) {
      this.misses += 1;
      log.warn(`The server has not answered for ${healthTiming.answerLimitMs} ms (${this.misses} in a row).`);
    }
    if (this.misses < healthTiming.missLimit) {
      this.schedule();
      return;
    }
    this.dispose();
    this.options.onUnresponsive();
  }
}
