import assert from 'node:assert/strict';
import type { PtyHostNotifications } from '../../../server/src/ptyProtocol/messages.ts';
import { ptyHostSuite } from '../../support/ptyHostSuite.ts';
import { createParams, Viewer } from '../../support/ptyHostWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

const markSecret = 'q'.repeat(32);

describe('What the pty host notes of the output', function () {
  const host = ptyHostSuite(this);

  it('is each mark, told to every client and kept for those that come later', async () => {
    const told: PtyHostNotifications['marked'][] = [];
    const listening = host.client.onMarked((marked) => told.push(marked));
    const script = `printf 'a\\033]633;D;0\\007\\033]633;D;7;${markSecret}\\007'; exec sleep 1000`;
    const { sessionId } = await host.client.create({ ...createParams(script), markSecret });
    const { mark } = await waitFor('the mark', () => told[0]);
    listening.dispose();
    assert.equal(told.length, 1, 'what does not know the secret is no mark');
    assert.equal(mark.text, '633;D;7');
    assert.equal(mark.offset, 'a\x1b]633;D;0\x07'.length);
    const later = await host.world.client();
    assert.deepEqual(await later.getMarks(sessionId), [mark]);
    assert.deepEqual(await later.getMarks(sessionId, 1), []);
    assert.equal((await later.list())[0]?.markCount, 1);
    later.dispose();
  });

  it('is the size that each byte was written for', async () => {
    const { sessionId } = await host.client.create(
      createParams('stty -echo; read size; printf ready; read line; echo "$line"; exec sleep 1000', {
        cols: 80,
        rows: 24,
      }),
    );
    await host.client.resize(sessionId, { cols: 100, rows: 30 });
    const viewer = await Viewer.open(host.client, { sessionId });
    await host.client.write(sessionId, Buffer.from('\n'));
    await waitFor('the program', () => viewer.text.includes('ready'));
    await host.client.write(sessionId, Buffer.from('twelve chars\n'));
    await waitFor('the line', () => viewer.text.includes('twelve chars'));
    await host.client.resize(sessionId, { cols: 120, rows: 40 });
    const subscription = await host.client.subscribe({ sessionId, fromOffset: 0 });
    assert.deepEqual(subscription.sizes, [
      { offset: 0, cols: 100, rows: 30 },
      { offset: viewer.receivedBytes, cols: 120, rows: 40 },
    ]);
    subscription.dispose();
  });

  it('is that a checkpoint is due, told to one client only, and again only after the next one is old', async () => {
    const other = await host.world.client();
    const told: { who: string; producedBytes: number; sessionId: string }[] = [];
    host.client.onCheckpointDue((due) => told.push({ who: 'first', ...due }));
    other.onCheckpointDue((due) => told.push({ who: 'reader', ...due }));
    const command =
      'read line; head -c 800000 /dev/zero; read line; head -c 700000 /dev/zero; read line; head -c 100000 /dev/zero; echo end';
    const { sessionId } = await host.client.create(createParams(`stty -echo; echo ready; ${command}; exec sleep 1000`));
    const viewer = await Viewer.open(other, { sessionId });
    await waitFor('the program', () => viewer.text.includes('ready'));
    const before = viewer.receivedBytes;
    await host.client.write(sessionId, Buffer.from('\n'));
    const due = await waitFor('the host to ask for a checkpoint', () => told[0]);
    const askedMs = performance.now();
    assert.deepEqual({ who: due.who, sessionId: due.sessionId }, { who: 'reader', sessionId });
    assert.ok(due.producedBytes >= 786_432);
    await waitFor('the first part', () => viewer.receivedBytes === before + 800_000);
    await other.setCheckpoint(sessionId, { offset: 800_000, data: Buffer.from('screen') });
    // An older one, from a slower server, changes nothing.
    await host.client.setCheckpoint(sessionId, { offset: 10, data: Buffer.from('old') });
    assert.deepEqual(
      { ...(await host.client.getCheckpoint(sessionId)) },
      { offset: 800_000, data: Buffer.from('screen') },
    );
    await host.client.write(sessionId, Buffer.from('\n'));
    await waitFor('the second part', () => viewer.receivedBytes === before + 1_500_000);
    assert.equal(told.length, 1, 'not enough has come since');
    // The host asks at most every 2 s.
    await waitFor('two seconds', () => performance.now() - askedMs > 2_100);
    await host.client.write(sessionId, Buffer.from('\n'));
    await waitFor('the host to ask again', () => told[1]);
    other.dispose();
  });
});
