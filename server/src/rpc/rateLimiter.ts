import { CodedError } from '../../protocol/errors.ts';
import type { Limit } from '../../protocol/declaration.ts';
import type { SettingKey, Settings } from '../../protocol/settings.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../base/handlers.ts';

interface LimitSettings {
  get<K extends SettingKey>(key: K): Settings[K];
}

const windowMs = 1_000;

/**
 * Counts what each client asks for. Our own window over the last second, because the fixed windows of the libraries let
 * twice the number pass where one window meets the next. The editor's own channel is trusted and counted by nobody.
 */
export class RateLimiter {
  private readonly settings: LimitSettings;
  private readonly clock: Clock;
  private readonly windows = new WeakMap<object, SlidingWindow>();
  /** Each call over HTTP comes as a client of its own; what they have in common is the token they showed. */
  private readonly overHttp = {};

  constructor(settings: LimitSettings, clock: Clock) {
    this.settings = settings;
    this.clock = clock;
  }

  /** Counts one call of `method`. Throws `RateLimited` with `retryAfterMs` where it is one too many; such a call does not count. */
  check(client: Client, method: string, limit: Limit): void {
    if (limit !== 'terminal' || client.kind === 'editor') return;
    const max = this.settings.get('limits.terminalPerSecond');
    const retryAfterMs = this.windowOf(client).take(this.clock.now(), max);
    if (retryAfterMs === 0) return;
    throw new CodedError(
      'RateLimited',
      `${method} was not run: the setting aiDevAssistant.limits.terminalPerSecond allows ${max} new terminals and commands a second. Try again in ${retryAfterMs} ms.`,
      { args: { max, retryAfterMs } },
    );
  }

  private windowOf(client: Client): SlidingWindow {
    const key = client.kind === 'http' ? this.overHttp : client;
    const known = this.windows.get(key);
    if (known) return known;
    const created = new SlidingWindow();
    this.windows.set(key, created);
    return created;
  }
}

/** The calls of the last second. It holds no more of them than can be made in a second, however high the limit is. */
class SlidingWindow {
  private times: number[] = [];

  /** Counts a call at `nowMs` and answers 0, or answers after how many milliseconds there is room for it. */
  take(nowMs: number, max: number): number {
    const newest = this.times.at(-1);
    // After a step back of the system's clock the old times would block for as long as the step was.
    if (newest !== undefined && newest > nowMs) this.times = [];
    const firstInside = this.times.findIndex((time) => time > nowMs - windowMs);
    this.times.splice(0, firstInside === -1 ? this.times.length : firstInside);
    const blocking = this.times[this.times.length - max];
    if (blocking !== undefined) return blocking + windowMs - nowMs;
    this.times.push(nowMs);
    return 0;
  }
}
