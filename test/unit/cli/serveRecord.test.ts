import assert from 'node:assert/strict';
import type { ProcessTable } from '../../../server/src/base/processTable.ts';
import { choicesOf } from '../../../server/src/cli/serveChoices.ts';
import { ServeRecord, type ServeAddress } from '../../../server/src/cli/serveRecord.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

describe('The note of a serve', () => {
  const { logger } = recordingLogger();
  const choices = choicesOf({});
  let folder: ReturnType<typeof temporaryFolder>;
  let alive: Set<number>;

  beforeEach(() => {
    folder = temporaryFolder();
    alive = new Set();
  });
  afterEach(() => folder.remove());

  /** That of a process that has just started. */
  function start(pid: number): { record: ServeRecord; address: ServeAddress } {
    alive.add(pid);
    const processes: ProcessTable = {
      self: () => Promise.resolve({ pid, startedAt: `${pid}` }),
      isAlive: ({ pid: asked }) => Promise.resolve(alive.has(asked)),
    };
    const url = `http://127.0.0.1:${pid}`;
    const address = { url, webSocketUrl: `${url}/ws`, tokenFile: 'token', pid, instanceId: `instance-${pid}` };
    return { record: new ServeRecord(folder.path, processes), address };
  }

  it('is waited for by all but the first of those that start at once, and the next comes once that one has ended', async () => {
    const [first, second, third] = [start(1), start(2), start(3)];
    assert.deepEqual(await first.record.claim(logger), { state: 'ended' });
    const others = [second, third].map(({ record }) => record.claim(logger));
    await first.record.write(first.address, choices);
    const running = { state: 'running', address: first.address, choices };
    assert.deepEqual(await Promise.all(others), [running, running]);
    await first.record.remove();
    assert.deepEqual(await second.record.claim(logger), { state: 'ended' });
  });

  it('stays where another process has taken the place of one that was taken for dead', async () => {
    const [first, second] = [start(1), start(2)];
    await first.record.claim(logger);
    await first.record.write(first.address, choices);
    alive.delete(1);
    assert.deepEqual(await second.record.claim(logger), { state: 'crashed' });
    await second.record.write(second.address, choices);
    await first.record.remove();
    const found = { state: 'running', address: second.address, choices };
    assert.deepEqual(await start(3).record.claim(logger), found);
  });

  it('is not waited for where the one that started was killed before it had said anything', async () => {
    const [first, second] = [start(1), start(2)];
    await first.record.claim(logger);
    const claimed = second.record.claim(logger);
    alive.delete(1);
    assert.deepEqual(await claimed, { state: 'ended' });
  });
});
