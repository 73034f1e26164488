import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { isPartMissing } from '../../../server/src/base/lateParts.ts';

describe('A part of the product that is loaded late', () => {
  it('is known to be missing where it is a module', async () => {
    const file = new URL('./no-such-part.js', import.meta.url).href;
    await assert.rejects(import(file), (error) => isPartMissing(error));
  });

  it('is known to be missing where it is a worker', async () => {
    const worker = new Worker(new URL('./no-such-worker.js', import.meta.url));
    const error = await new Promise((resolve) => worker.once('error', resolve));
    assert.equal(isPartMissing(error), true);
  });

  it('is not said to be missing where it fails for reasons of its own', () => {
    for (const error of [new Error('of its own'), Object.assign(new Error('denied'), { code: 'EACCES' })]) {
      assert.equal(isPartMissing(error), false);
    }
  });
});
