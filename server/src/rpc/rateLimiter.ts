import { CodedError } from '../../protocol/errors.ts';
import type { Limit } from '../../protocol/declaration.ts';
import { settingName, type SettingKey, type Settings } from '../../protocol/settings.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../base/handlers.ts';
import { SlidingWindow } from '../base/slidingWindow.ts';

interface LimitSettings {
  get<K extends SettingKey>(key: K): Settings[K];
}

type BudgetSetting = Extract<SettingKey, `limits.${'api' | 'webSocket' | 'terminal'}${string}`>;

/** So many calls in so long a time, and how a refusal names them. */
interface Budget {
  readonly setting: BudgetSetting;
  readonly windowMs: number;
  readonly what: string;
}

const minuteMs = 60_000;
const httpCalls: Budget = { setting: 'limits.apiPerMinute', windowMs: minuteMs, what: 'calls over HTTP a minute' };
const webSocketMessages: Budget = {
  setting: 'limits.webSocketMessagesPerMinute',
  windowMs: minuteMs,
  what: 'messages over WebSocket a minute',
};
const terminalStarts: Budget = {
  setting: 'limits.terminalPerSecond',
  windowMs: 1_000,
  what: 'new terminals and commands a second',
};

/** Who asks, as far as it matters here. */
type Caller = Pick<Client, 'kind' | 'tokenId'>;

/** Clients with one token share their budgets, so that to connect anew is of no use. */
type Windows = Map<Budget, SlidingWindow>;

/**
 * Counts what clients ask for. Our own windows over the time that has just passed, because the fixed windows of the
 * libraries let twice the number pass where one window meets the next. The editor's own channel is trusted and counted by
 * nobody.
 */
export class RateLimiter {
  private readonly settings: LimitSettings;
  private readonly clock: Clock;
  private readonly byClient = new WeakMap<object, Windows>();
  /** Of tokens there are few. */
  private readonly byToken = new Map<string, Windows>();

  constructor(settings: LimitSettings, clock: Clock) {
    this.settings = settings;
    this.clock = clock;
  }

  /** Counts one call of `method`. Throws `RateLimited` with `retryAfterMs` where it is one too many; such a call does not count. */
  check(client: Caller, method: string, limit: Limit): void {
    if (limit === 'none' || client.kind === 'editor') return;
    const budgets: Budget[] = [];
    // What an event stream attaches to is part of the one call that has opened it.
    if (client.kind === 'http') budgets.push(httpCalls);
    if (client.kind === 'webSocket') budgets.push(webSocketMessages);
    if (limit === 'terminal') budgets.push(terminalStarts);
    const now = this.clock.now();
    for (const budget of budgets) {
      const max = this.settings.get(budget.setting);
      const retryAfterMs = this.windowOf(client, budget).waitMs(now, max);
      if (retryAfterMs > 0) throw refusal(method, budget, max, retryAfterMs);
    }
    for (const budget of budgets) this.windowOf(client, budget).take(now, this.settings.get(budget.setting));
  }

  private windowOf(client: Caller, budget: Budget): SlidingWindow {
    const windows = this.windowsOf(client);
    let window = windows.get(budget);
    if (!window) windows.set(budget, (window = new SlidingWindow(budget.windowMs)));
    return window;
  }

  private windowsOf(client: Caller): Windows {
    const { tokenId } = client;
    const known = tokenId === undefined ? this.byClient.get(client) : this.byToken.get(tokenId);
    if (known) return known;
    const created: Windows = new Map();
    if (tokenId === undefined) this.byClient.set(client, created);
    else this.byToken.set(tokenId, created);
    return created;
  }
}

function refusal(method: string, { setting, what }: Budget, max: number, retryAfterMs: number): CodedError {
  return new CodedError(
    'RateLimited',
    `${method} was not run: the setting ${settingName(setting)} allows ${max} ${what}. Try again in ${retryAfterMs} ms.`,
    { args: { max, retryAfterMs } },
  );
}
