import { CodedError } from '../../protocol/errors.ts';
import type { Limit } from '../../protocol/declaration.ts';
import type { SettingKey, Settings } from '../../protocol/settings.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../base/handlers.ts';
import { SlidingWindow } from '../base/slidingWindow.ts';

interface LimitSettings {
  get<K extends SettingKey>(key: K): Settings[K];
}

const windowMs = 1_000;

/**
 * Counts what each client asks for, and what all clients with one token ask for together, so that to come anew is of no
 * use. Our own window over the last second, because the fixed windows of the libraries let
 * twice the number pass where one window meets the next. The editor's own channel is trusted and counted by nobody.
 */
export class RateLimiter {
  private readonly settings: LimitSettings;
  private readonly clock: Clock;
  private readonly windows = new WeakMap<object, SlidingWindow>();
  /** By the token, of which there are few. */
  private readonly windowsOfTokens = new Map<string, SlidingWindow>();

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
    const { tokenName } = client;
    const known = tokenName === undefined ? this.windows.get(client) : this.windowsOfTokens.get(tokenName);
    if (known) return known;
    const created = new SlidingWindow(windowMs);
    if (tokenName === undefined) this.windows.set(client, created);
    else this.windowsOfTokens.set(tokenName, created);
    return created;
  }
}
