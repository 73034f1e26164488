import * as assert from 'node:assert/strict';
import { WindowLease } from '../../../extension/src/terminals/windowLease.ts';
import { FakeClock } from './fakeClock.ts';
import { memoryLog } from './scriptedServer.ts';

describe('The lease of a window', () => {
  it('is renewed while the window answers, not while it does not, and again when it is back', async () => {
    const clock = new FakeClock();
    const log = memoryLog();
    const start = clock.now();
    const renewedAfter: number[] = [];
    const back = Promise.withResolvers<undefined>();
    let answer: () => Promise<unknown> = () => Promise.resolve();
    let asked = 0;
    const lease = new WindowLease({
      clock,
      log,
      askWindow: () => {
        asked += 1;
        return answer();
      },
      renew: () => {
        renewedAfter.push(clock.now() - start);
        return Promise.resolve();
      },
    });
    await clock.advance(10_000);
    answer = () => back.promise;
    await clock.advance(60_000);
    assert.deepEqual(renewedAfter, [5_000, 10_000]);
    assert.equal(asked, 3, 'questions pile up');
    back.resolve(undefined);
    answer = () => Promise.reject(new Error('the window is confused'));
    await clock.advance(5_000);
    assert.equal(renewedAfter.length, 3);
    assert.ok(log.lines.some((line) => line.includes('the window is confused')));
    answer = () => Promise.resolve();
    await clock.advance(5_000);
    assert.equal(renewedAfter.length, 4);
    lease.dispose();
    assert.equal(clock.pendingTimers, 0);
  });
});
