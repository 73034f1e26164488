import assert from 'node:assert/strict';
import type { PtyHostClient } from '../../../server/src/terminals/hostClient/ptyHostClient.ts';
import type { ComputedScreen } from '../../../server/src/terminals/screens/screenJob.ts';
import { Screens } from '../../../server/src/terminals/screens/screens.ts';
import { ScreenTurns } from '../../../server/src/terminals/screens/screenTurns.ts';
import { eventually } from '../../support/eventually.ts';

describe('Screens that are asked for at the same time', () => {
  const forever = new AbortController().signal;

  it('hold the output of two terminals at most, and read each when it is its turn', async () => {
    let held = 0;
    let mostHeld = 0;
    let computed = 0;
    const host = {
      getCheckpoint: () => Promise.resolve(null),
      subscribe: () => {
        held++;
        mostHeld = Math.max(mostHeld, held);
        const session = { producedBytes: 0 };
        return Promise.resolve({ session, startOffset: 0, sizes: [], dispose: () => held-- });
      },
    } as unknown as PtyHostClient;
    const jobs: (() => void)[] = [];
    const compute = (): Promise<ComputedScreen> =>
      new Promise((resolve) => jobs.push(() => resolve({ unfinishedBytes: 0 } as ComputedScreen)));
    const screens = new Screens({ compute });
    const how = { scrollbackLines: 0, maxReplayBytes: 1, want: 'replay', signal: forever } as const;
    const all = Array.from({ length: 20 }, () =>
      screens.hold({ host, sessionId: 's' }, how, () => Promise.resolve(computed++)),
    );
    for (let done = 0; done < 20; done++) {
      await eventually('a job', () => jobs.length > 0);
      jobs.shift()?.();
      await eventually('its end', () => computed > done);
    }
    await Promise.all(all);
    assert.equal(mostHeld, 2);
    assert.equal(held, 0);
  });

  it('wait in order, leave when they are cancelled, and are refused beyond a bound', async () => {
    const turns = new ScreenTurns();
    const [first, second] = [await turns.take(forever), await turns.take(forever)];
    const cancel = new AbortController();
    const cancelled = turns.take(cancel.signal);
    const order: number[] = [];
    const waiting = Array.from({ length: 255 }, async (_, index) => {
      const turn = await turns.take(forever);
      order.push(index);
      turn.dispose();
    });
    await assert.rejects(turns.take(forever), { reason: 'Unavailable' });
    cancel.abort();
    await assert.rejects(cancelled, { reason: 'Cancelled' });
    await assert.rejects(turns.take(cancel.signal), { reason: 'Cancelled' });
    first.dispose();
    first.dispose();
    await Promise.all(waiting);
    assert.deepEqual(
      order,
      Array.from({ length: 255 }, (_, index) => index),
    );
    second.dispose();
  });
});
