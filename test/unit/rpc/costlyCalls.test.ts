import assert from 'node:assert/strict';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { RequestContext } from '../../../server/src/base/handlers.ts';
import { CostlyCalls } from '../../../server/src/rpc/costlyCalls.ts';
import { TestClient } from '../../support/testClient.ts';
import { waitFor } from '../../support/waitFor.ts';

const never = new AbortController().signal;

describe('Calls that cost much', () => {
  /** Ends one that runs, the oldest first. */
  let running: (() => void)[];
  let most: number;
  let call: (tokenId: string | undefined, signal?: AbortSignal) => Promise<unknown>;

  beforeEach(() => {
    running = [];
    most = 0;
    const list = async (): Promise<{ sessions: [] }> => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      running.push(() => resolve(undefined));
      most = Math.max(most, running.length);
      await promise;
      return { sessions: [] };
    };
    const handlers = new CostlyCalls().bound({ 'session/list': list, 'server/info': () => 'at once' }, [
      'session/list',
    ]);
    assert.equal(handlers['server/info'](), 'at once');
    call = (tokenId, signal = never) => {
      const client = Object.assign(new TestClient(), tokenId === undefined ? {} : { tokenId });
      const context: RequestContext = { client, signal, correlationId: 'i-1' };
      return (handlers['session/list'] as (params: object, context: RequestContext) => Promise<unknown>)({}, context);
    };
  });

  const endAll = async (expected: number): Promise<void> => {
    for (let ended = 0; ended < expected; ended++) {
      await waitFor('one to run', () => running.length > 0);
      running.shift()?.();
    }
    await turnOfTheLoop();
    assert.equal(running.length, 0);
  };

  it('run two at a time for a token, and 64 wait; one more is refused', async () => {
    const accepted = Array.from({ length: 66 }, () => call('reader'));
    await assert.rejects(call('reader'), { reason: 'ResourceLimit', message: /^session\/list was not run/ });
    assert.equal(running.length, 2);
    await endAll(66);
    assert.equal((await Promise.all(accepted)).length, 66);
    assert.equal(most, 2);
    const again = call('reader');
    await endAll(1);
    await again;
  });

  it('of one token keep those of another from nothing, nor those of who has shown none', async () => {
    const calls = Array.from({ length: 10 }, () => call('reader'));
    const others = [call('other'), ...Array.from({ length: 30 }, () => call(undefined))];
    assert.equal(running.length, 2 + 1 + 30);
    await endAll(41);
    await Promise.all([...calls, ...others]);
  });

  it('give up their place where their caller goes while they wait', async () => {
    const gone = new AbortController();
    const first = [call('reader'), call('reader')];
    const left = Array.from({ length: 64 }, () => call('reader', gone.signal));
    const settled = Promise.allSettled(left);
    gone.abort();
    assert.deepEqual([...new Set((await settled).map(({ status }) => status))], ['rejected']);
    const next = call('reader', gone.signal);
    await assert.rejects(next, { name: 'AbortError' });
    const last = call('reader');
    await endAll(3);
    await Promise.all([...first, last]);
    assert.equal(most, 2);
  });
});
