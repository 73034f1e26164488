import assert from 'node:assert/strict';
import * as path from 'node:path';
import { systemClock } from '../../../server/src/base/clock.ts';
import type { ScreenJob } from '../../../server/src/terminals/screens/screenJob.ts';
import { ScreenThread } from '../../../server/src/terminals/screens/screenThread.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { waitFor } from '../../support/waitFor.ts';

const workerFile = path.join(import.meta.dirname, '../../fixtures/screenWorkers/unreliable.cjs');
const [dies, hangs, works] = [1, 2, 3].map((scrollbackLines): ScreenJob => ({
  checkpoint: undefined,
  hasHole: false,
  pieces: [],
  scrollbackLines,
  maxReplayBytes: 1,
  want: 'text',
})) as [ScreenJob, ScreenJob, ScreenJob];

describe('The thread that computes screens', () => {
  let thread: ScreenThread;

  beforeEach(() => {
    const { logger } = recordingLogger();
    thread = new ScreenThread({ workerFile, clock: systemClock, logger, jobLimitMs: 1_000 });
  });
  afterEach(async () => {
    thread.dispose();
    await waitFor('the worker to end', () => !process.getActiveResourcesInfo().includes('MessagePort'));
  });

  it('fails the job at which its worker dies, and no other', async () => {
    const outcomes = await Promise.allSettled([works, dies, works].map((job) => thread.compute(job)));
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    await assert.rejects(thread.compute(dies), { reason: 'Unavailable' });
  });

  it('ends a worker that hangs, and goes on with a new one', async () => {
    const hanging = thread.compute(hangs);
    const next = thread.compute(works);
    await assert.rejects(hanging, { reason: 'Unavailable', message: /took too long/ });
    assert.equal((await next).text, 'works');
  });

  it('leaves out a job that is no longer wanted when its turn comes', async () => {
    const cancel = new AbortController();
    const first = thread.compute(works);
    const second = thread.compute(works, cancel.signal);
    cancel.abort();
    await first;
    await assert.rejects(second, { reason: 'Cancelled' });
  });

  it('rejects what it has begun when it is disposed', async () => {
    const hanging = thread.compute(hangs);
    setImmediate(() => thread.dispose());
    await assert.rejects(hanging, { reason: 'Cancelled' });
  });
});
