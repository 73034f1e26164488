import type { HealthStatus } from '../../protocol/server.ts';
import type { ResultOf } from '../../protocol/contract.ts';
import type { Clock } from '../base/clock.ts';

export type Health = ResultOf<'server/health'>;

/** Knows how the server is: since when it runs, whether its predecessor ended cleanly, which components are degraded. */
export class HealthService {
  private readonly clock: Clock;
  private readonly version: string;
  private readonly startedAt: number;
  private readonly components = new Map<string, { status: 'ready' | 'degraded'; message?: string }>();
  private restarts = 0;
  private recovered = false;
  private started = false;

  constructor(options: { clock: Clock; version: string }) {
    this.clock = options.clock;
    this.version = options.version;
    this.startedAt = options.clock.now();
  }

  /** The server is up. `restarts` comes from the client; `recovered` says that the predecessor ended uncleanly. */
  markStarted(options: { restarts: number; recovered: boolean }): void {
    this.started = true;
    this.restarts = options.restarts;
    this.recovered = options.recovered;
  }

  /** Sets what is known of a component; `message` says what is wrong and what to do. */
  setComponent(name: string, status: 'ready' | 'degraded', message?: string): void {
    this.components.set(name, message === undefined ? { status } : { status, message });
  }

  current(): Health {
    return {
      status: this.status(),
      version: this.version,
      uptimeMs: Math.max(0, this.clock.now() - this.startedAt),
      restarts: this.restarts,
      components: Object.fromEntries(this.components),
    };
  }

  private status(): HealthStatus {
    if (!this.started) return 'starting';
    if ([...this.components.values()].some((component) => component.status === 'degraded')) return 'degraded';
    return this.recovered ? 'recovered' : 'ready';
  }
}
