import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import { settingsSnapshot } from '../../../server/protocol/settings.ts';
import type { Client } from '../../../server/src/base/handlers.ts';
import { RateLimiter } from '../../../server/src/rpc/rateLimiter.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { TestClient } from '../../support/testClient.ts';

describe('The rate limit of new terminals and commands', () => {
  function create(max = 10) {
    const clock = new FakeClock();
    const settings = { ...settingsSnapshot.parse({}), 'limits.terminalPerSecond': max };
    const limiter = new RateLimiter({ get: (key) => settings[key] }, clock);
    /** Undefined where the call may pass, else after how long it may be tried again. */
    const call = (client: Client, limit: 'terminal' | 'api' | 'none' = 'terminal'): number | undefined => {
      try {
        limiter.check(client, 'terminal/create', limit);
        return undefined;
      } catch (error) {
        assert.ok(error instanceof CodedError);
        assert.equal(error.reason, 'RateLimited');
        // As it stands in `settings.json`, and as VS Code names it where it does.
        assert.match(
          error.message,
          /the setting (limits\.\w+) \((in VS Code: aiDevAssistant\.\1|in settings\.json of the data folder)\) allows/,
        );
        return error.args?.['retryAfterMs'] as number;
      }
    };
    /** How many of `calls` made at the same instant pass. */
    const passed = (client: Client, calls: number): number =>
      Array.from({ length: calls }, () => call(client)).filter((retryAfterMs) => retryAfterMs === undefined).length;
    return { clock, settings, call, passed };
  }

  it('lets ten pass in a second, and the next one exactly a second after the first', () => {
    const { clock, call, passed } = create();
    const client = new TestClient();
    assert.equal(passed(client, 10), 10);
    assert.equal(call(client), 1_000);
    clock.advance(999);
    assert.equal(call(client), 1);
    clock.advance(1);
    assert.equal(call(client), undefined);
  });

  it('lets no more than ten pass in any second, wherever that second begins', () => {
    const { clock, passed } = create();
    const client = new TestClient();
    const passes: number[] = [];
    for (let step = 0; step < 400; step++) {
      const count = passed(client, 3);
      for (let one = 0; one < count; one++) passes.push(clock.now());
      clock.advance(37);
    }
    for (const from of passes) {
      const inSecond = passes.filter((time) => time >= from && time < from + 1_000).length;
      assert.ok(inSecond <= 10, `${inSecond} in the second from ${from}`);
    }
    assert.ok(passes.length >= 130, `only ${passes.length} in fifteen seconds`);
  });

  it('does not count what it refuses, so that asking too early again costs nothing', () => {
    const { clock, passed } = create();
    const client = new TestClient();
    assert.equal(passed(client, 50), 10);
    clock.advance(500);
    assert.equal(passed(client, 50), 0);
    clock.advance(500);
    assert.equal(passed(client, 50), 10);
  });

  it('counts each connection for itself, and all that have shown the same token together, however often they come', () => {
    const { passed } = create();
    assert.equal(passed(new TestClient('lsp'), 11), 10);
    assert.equal(passed(new TestClient('lsp'), 11), 10);
    assert.equal(passed(new TestClient('http', 'one'), 7), 7);
    assert.equal(passed(new TestClient('http', 'one'), 7), 3);
    assert.equal(passed(new TestClient('lsp', 'one'), 7), 0);
    assert.equal(passed(new TestClient('http', 'another'), 7), 7);
    assert.equal(passed(new TestClient('commandLine'), 11), 10);
  });

  it("does not count the editor's own channel, nor calls with another limit", () => {
    const { call, passed } = create(1);
    assert.equal(passed(new TestClient('editor'), 1_000), 1_000);
    const client = new TestClient();
    for (let count = 0; count < 100; count++) {
      assert.equal(call(client, 'none'), undefined);
      assert.equal(call(client, 'api'), undefined);
    }
    assert.equal(passed(client, 2), 1);
  });

  it('follows the setting at once, up and down', () => {
    const { clock, settings, call, passed } = create(2);
    const client = new TestClient();
    assert.equal(passed(client, 5), 2);
    settings['limits.terminalPerSecond'] = 10_000_000;
    clock.advance(100);
    assert.equal(passed(client, 5_000), 5_000);
    settings['limits.terminalPerSecond'] = 3;
    assert.equal(call(client), 1_000);
    clock.advance(1_000);
    assert.equal(passed(client, 5), 3);
  });

  it('does not block for an hour when the clock is set back by one', () => {
    const { clock, passed } = create();
    const client = new TestClient();
    assert.equal(passed(client, 11), 10);
    clock.advance(-3_600_000);
    assert.equal(passed(client, 11), 10);
  });
});

describe('The rate limit of calls over HTTP', () => {
  function create() {
    const clock = new FakeClock();
    const settings = { ...settingsSnapshot.parse({}), 'limits.apiPerMinute': 100, 'limits.terminalPerSecond': 1 };
    const limiter = new RateLimiter({ get: (key) => settings[key] }, clock);
    /** How many of so many pass that ask at the same instant. */
    const passed = (kind: Client['kind'], calls: number, tokenId = 'one'): number => {
      let count = 0;
      for (let call = 0; call < calls; call++) {
        try {
          limiter.check({ kind, tokenId }, '/api', 'api');
          count += 1;
        } catch (error) {
          assert.equal(error instanceof CodedError && error.reason, 'RateLimited');
        }
      }
      return count;
    };
    return { clock, limiter, passed };
  }

  it('lets 99 and the 100th of a minute pass, not the 101st, and that one a minute after the first', () => {
    const { clock, passed } = create();
    assert.equal(passed('http', 99), 99);
    clock.advance(30_000);
    assert.equal(passed('http', 1), 1);
    assert.equal(passed('http', 1), 0);
    clock.advance(29_999);
    assert.equal(passed('http', 1), 0);
    clock.advance(1);
    assert.equal(passed('http', 200), 99);
  });

  it('counts each token for itself', () => {
    const { passed } = create();
    assert.equal(passed('http', 101), 100);
    assert.equal(passed('http', 1, 'another'), 1);
  });

  it('does not count what an event stream attaches to, since the call that has opened it was counted', () => {
    const { passed } = create();
    assert.equal(passed('eventStream', 1_000), 1_000);
    assert.equal(passed('http', 101), 100);
  });
});
