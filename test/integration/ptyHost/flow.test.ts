import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { encodeControl } from '../../../server/src/ptyProtocol/frames.ts';
import { RawClient } from '../../support/rawPtyHostClient.ts';
import { ptyHostSuite } from '../../support/ptyHostSuite.ts';
import { createParams, untilOutputStands, Viewer } from '../../support/ptyHostWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

const flood = 'exec yes 0123456789abcdef0123456789abcdef';

describe('Output of the pty host', function () {
  const host = ptyHostSuite(this);

  const producedBytes = async (sessionId: string) =>
    (await host.client.list()).find((session) => session.sessionId === sessionId)!.producedBytes;

  async function untilFlowing(sessionId: string): Promise<void> {
    const before = await producedBytes(sessionId);
    await waitFor('the output to flow', async () => (await producedBytes(sessionId)) > before + 1_000_000);
  }

  it('goes on when the only viewer disconnects in the middle of a flood, with the terminal paused', async () => {
    const other = await host.world.client();
    const { sessionId } = await host.client.create(createParams(flood));
    await Viewer.open(other, { sessionId, acknowledging: false });
    await untilOutputStands(host.client, sessionId);
    other.dispose();
    await untilFlowing(sessionId);
  });

  it('goes on when the only viewer is replaced in the middle of a flood', async () => {
    const { sessionId } = await host.client.create(createParams(flood));
    const first = await Viewer.open(host.client, { sessionId, acknowledging: false });
    await untilOutputStands(host.client, sessionId);
    const second = await Viewer.open(host.client, { sessionId, fromOffset: first.offset });
    first.dispose();
    await waitFor('the new viewer to receive the flood', () => {
      second.dropBytes();
      return second.receivedBytes > 5_000_000;
    });
    second.dispose();
    await untilFlowing(sessionId);
  });

  it('goes on when its only viewer reads nothing any more, which gets a gap and the rest when it reads again', async () => {
    const { sessionId } = await host.client.create(createParams(flood));
    const viewer = await Viewer.open(host.client, { sessionId, acknowledging: false, windowBytes: 65_536 });
    await untilOutputStands(host.client, sessionId);
    await waitFor('the flood to go on', async () => (await producedBytes(sessionId)) > 10_000_000, 30_000);
    assert.equal(viewer.receivedBytes, 65_536);
    viewer.giveCredit();
    await waitFor('the viewer to read on', () => {
      viewer.dropBytes();
      return viewer.receivedBytes > 5_000_000;
    });
    assert.equal(viewer.gaps[0]?.from, 65_536);
  }).timeout(60_000);

  it('goes on when a viewer unsubscribes and subscribes again, a hundred times', async () => {
    const { sessionId } = await host.client.create(createParams(flood));
    for (let round = 0; round < 100; round++) {
      const viewer = await Viewer.open(host.client, { sessionId, acknowledging: round % 2 === 0, windowBytes: 65_536 });
      await waitFor('some output', () => viewer.receivedBytes > 0);
      viewer.dispose();
    }
    await untilFlowing(sessionId);
  });

  it('is the same for two viewers, and gapless for one that comes back with its offset', async () => {
    const { sessionId } = await host.client.create(createParams('read go; seq 1 60000; read done'));
    const one = await Viewer.open(host.client, { sessionId });
    const other = await Viewer.open(await host.world.client(), { sessionId });
    await host.client.write(sessionId, Buffer.from('\n'));
    await waitFor('half of the output', () => one.receivedBytes > 150_000);
    one.dispose();
    const half = one.bytes;
    await waitFor('all of the output', () => other.text.endsWith('60000\r\n'));
    const again = await Viewer.open(host.client, { sessionId, fromOffset: one.offset });
    // The first may have had everything before it left, and then there is no rest.
    await waitFor('the rest', () => `${half.toString('latin1')}${again.text}`.endsWith('60000\r\n'));
    assert.deepEqual(Buffer.concat([half, again.bytes]), other.bytes);
    assert.equal(other.bytes.length, await producedBytes(sessionId));
  });

  it('reaches a fast viewer at full speed beside one that takes nothing, which then gets a gap and the rest', async () => {
    const { sessionId } = await host.client.create(
      createParams('read go; head -c 8000000 /dev/zero | tr "\\0" x; read done'),
    );
    const slow = await Viewer.open(host.client, { sessionId, acknowledging: false, windowBytes: 4_096 });
    const fast = await Viewer.open(host.client, { sessionId });
    await host.client.write(sessionId, Buffer.from('\n'));
    await waitFor('all of the output', () => fast.receivedBytes >= 8_000_000);
    assert.deepEqual(fast.gaps, []);
    assert.equal(slow.receivedBytes, 4_096);
    slow.giveCredit();
    await waitFor('the slow viewer to catch up', () => slow.offset === fast.offset);
    const [gap, ...others] = slow.gaps;
    assert.deepEqual(others, []);
    assert.equal(gap?.from, 4_096);
    assert.equal(slow.receivedBytes, fast.offset - (gap.to - gap.from));
    assert.deepEqual(slow.bytes.subarray(4_096), fast.bytes.subarray(gap.to));
  });

  it('starts with a gap where the bytes asked for are gone, and names the checkpoint', async () => {
    const { sessionId } = await host.client.create(createParams('head -c 3000000 /dev/zero | tr "\\0" x; read done'));
    const end = await waitFor('the output', async () => (await producedBytes(sessionId)) === 3_000_000 && 3_000_000);
    await host.client.setCheckpoint(sessionId, { offset: end, data: Buffer.from('the screen') });
    const viewer = await Viewer.open(host.client, { sessionId, fromOffset: 100 });
    await waitFor('the end', () => viewer.offset === end);
    assert.equal(viewer.gaps.length, 1);
    assert.deepEqual(viewer.gaps[0], { kind: 'gap', from: 100, to: viewer.startOffset, checkpointOffset: end });
    assert.equal(viewer.receivedBytes, end - viewer.startOffset);
    assert.deepEqual(await host.client.getCheckpoint(sessionId), { offset: end, data: Buffer.from('the screen') });
  });

  it('takes bounded memory while floods run without a viewer and with one that takes nothing', async () => {
    const pid = host.client.identity.pid;
    const residentBytes = () =>
      Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
    const sessions = await Promise.all([1, 2, 3].map(() => host.client.create(createParams(flood))));
    const stuck = await Viewer.open(host.client, { sessionId: sessions[0]!.sessionId, acknowledging: false });
    const beforeBytes = residentBytes();
    await waitFor('200 MB of output', async () => (await producedBytes(sessions[1]!.sessionId)) > 200_000_000, 60_000);
    const grownBytes = residentBytes() - beforeBytes;
    assert.ok(grownBytes < 48 * 1_048_576, `the host grew by ${Math.round(grownBytes / 1_048_576)} MiB`);
    assert.equal(stuck.receivedBytes, 1_048_576);
  }).timeout(90_000);

  it('stops reading for a client whose socket is full, and harms no other client', async () => {
    const { sessionId } = await host.client.create(createParams(flood));
    const { socket } = await RawClient.open(host.world);
    socket.pause();
    const params = { sessionId, subscriptionId: 1, windowBytes: 8_388_608 };
    socket.write(encodeControl({ id: 1, method: 'subscribe', params }));
    // Eight megabytes of credit, and nobody reads: socket, then ring, then terminal fill up and stand still.
    await untilOutputStands(host.client, sessionId);
    const viewer = await Viewer.open(host.client, { sessionId });
    await waitFor('the other client to receive the flood', () => {
      viewer.dropBytes();
      return viewer.receivedBytes > 20_000_000;
    });
    socket.destroy();
  });
});
