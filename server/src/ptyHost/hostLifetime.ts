import type { Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';

const checkIntervalMs = 5_000;
const hourMs = 3_600_000;
/** Nothing outlives this time without any client, whatever runs in it. */
const longestHours = 168;

/** One session, as far as its lifetime is concerned. */
export interface LivingSession {
  readonly hasExited: boolean;
  /** Resolves to true only for an interactive shell in which nothing runs. */
  isIdle(): Promise<boolean>;
  /** Ends its processes; the session stays, as exited, for a server to take note of. */
  end(): Promise<void>;
}

/** What the lifetime is judged by. */
export interface LifetimeView {
  readonly clients: number;
  /** Sessions, those about to start included. */
  readonly sessionCount: number;
  readonly sessions: readonly LivingSession[];
  readonly keepAliveHours: number;
}

export interface HostLifetimeOptions {
  readonly view: () => LifetimeView;
  /** A host with no session and no client ends after this time. */
  readonly idleExitMs: number;
  /** One that nobody sets: a leap of the wall clock must end nothing. */
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once; the host should end. */
  readonly onEnd: (reason: string) => void;
}

/**
 * Decides when the host ends, and when shells that nobody came back to do. While a client is connected nothing ever
 * ends by itself.
 */
export class HostLifetime implements Disposable {
  private readonly options: HostLifetimeOptions;
  private lastClientAtMs: number;
  private lastUsedAtMs: number;
  private nextCheck: Disposable = toDisposable(() => undefined);
  private isDisposed = false;

  constructor(options: HostLifetimeOptions) {
    this.options = options;
    this.lastClientAtMs = options.clock.now();
    this.lastUsedAtMs = options.clock.now();
    this.checkLater();
  }

  dispose(): void {
    this.isDisposed = true;
    this.nextCheck.dispose();
  }

  /** Looks at everything once. Called by the timer; a test calls it to wait for its end. */
  async check(): Promise<void> {
    const { view, clock, idleExitMs, onEnd } = this.options;
    const nowMs = clock.now();
    const { clients, sessionCount, sessions, keepAliveHours } = view();
    if (clients > 0) this.lastClientAtMs = nowMs;
    if (clients > 0 || sessionCount > 0) this.lastUsedAtMs = nowMs;
    if (nowMs - this.lastUsedAtMs >= idleExitMs) {
      onEnd('neither a terminal nor a client is left');
      return;
    }
    const aloneHours = (nowMs - this.lastClientAtMs) / hourMs;
    if (aloneHours >= longestHours) {
      onEnd(`no client has come for ${longestHours} hours`);
      return;
    }
    if (aloneHours >= keepAliveHours) await this.endIdle(sessions, keepAliveHours);
  }

  private async endIdle(sessions: readonly LivingSession[], keepAliveHours: number): Promise<void> {
    for (const session of sessions) {
      if (session.hasExited || !(await session.isIdle())) continue;
      this.options.log.info('An idle shell ends: nobody has been connected for long', { keepAliveHours });
      await session.end();
    }
  }

  private checkLater(): void {
    this.nextCheck = this.options.clock.after(Math.min(checkIntervalMs, this.options.idleExitMs), () => {
      this.check()
        .catch((error: unknown) => this.options.log.error('The check of lifetimes failed; trying again', { error }))
        .finally(() => {
          if (!this.isDisposed) this.checkLater();
        });
    });
  }
}
