import assert from 'node:assert/strict';
import type { PtyHostClient, PtyView } from '../../../server/src/terminals/hostClient/ptyHostClient.ts';
import { ptyHostSuite } from '../../support/ptyHostSuite.ts';
import { createParams } from '../../support/ptyHostWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('Who looks at a terminal', function () {
  const host = ptyHostSuite(this);
  let sessionId: string;

  beforeEach(async () => {
    ({ sessionId } = await host.client.create(createParams('exec sleep 1000')));
  });

  async function viewerCount(): Promise<number | undefined> {
    return (await host.client.list()).find((session) => session.sessionId === sessionId)?.viewerCount;
  }

  /** `told` grows when the viewer is told that it answers. */
  async function look(from: PtyHostClient, canAnswer = true): Promise<{ view: PtyView; told: true[] }> {
    const told: true[] = [];
    const view = await from.view({ sessionId, canAnswer, onAnswering: () => told.push(true) });
    return { view, told };
  }

  it('is counted over all clients, apart from who reads the output for other reasons', async () => {
    const other = await host.world.client();
    const subscription = await other.subscribe({ sessionId });
    assert.equal(await viewerCount(), 0);
    const { view } = await look(other);
    await look(host.client);
    assert.equal(await viewerCount(), 2);
    view.dispose();
    view.dispose();
    await waitFor('it to be counted no more', async () => (await viewerCount()) === 1);
    subscription.dispose();
    other.dispose();
  });

  it('goes with the connection', async () => {
    const other = await host.world.client();
    await look(other);
    await look(other, false);
    assert.equal(await viewerCount(), 2);
    other.dispose();
    await waitFor('its viewers to be gone', async () => (await viewerCount()) === 0);
  });

  it('answers what its program asks as the only one, until it goes and the next one that can is told', async () => {
    const other = await host.world.client();
    const watcher = await look(host.client, false);
    const first = await look(host.client);
    const second = await look(other);
    const third = await look(host.client);
    assert.deepEqual(
      [watcher, first, second, third].map(({ view }) => view.answers),
      [false, true, false, false],
    );
    first.view.dispose();
    await waitFor('the second to answer', () => second.told.length === 1);
    watcher.view.dispose();
    other.dispose();
    await waitFor('the third to answer', () => third.told.length === 1);
    third.view.dispose();
    await waitFor('nobody to look', async () => (await viewerCount()) === 0);
    assert.equal((await look(host.client)).view.answers, true);
    assert.deepEqual([watcher.told, first.told, second.told.length, third.told.length], [[], [], 1, 1]);
  });
});
