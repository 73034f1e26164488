import assert from 'node:assert/strict';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { AgentWorld } from '../../support/agentWorld.ts';
import { says } from '../../support/modelScript.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { TestClient } from '../../support/testClient.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('Conversations that a guest looks at', function () {
  this.timeout(30_000);
  let world: AgentWorld;
  /** Another process on the same data folder. */
  let other: JournalStore;

  beforeEach(async () => {
    world = await AgentWorld.open();
    const { logger } = recordingLogger();
    other = new JournalStore({ dataFolder: world.dataFolder, logger, clock: systemClock });
  });
  afterEach(async () => {
    await other.dispose();
    await world.close();
  });

  /** One that nobody has open. */
  async function closedConversation(): Promise<ConversationId> {
    const sessionId = await world.begin(says('first'));
    await world.prompt(sessionId, 'one');
    world.sessions.detach(sessionId, world.client);
    await world.sessions.closeUnused();
    assert.equal(world.sessions.openCount, 0);
    return sessionId;
  }

  const guest = (token = 'guest', scope: 'read' | 'agent' = 'read') => new TestClient('webSocket', token, scope);

  it('can be written by another process, which the guest follows', async () => {
    const sessionId = await closedConversation();
    const reader = guest();
    await world.sessions.attach(sessionId, undefined, reader);
    const journal = await other.open(sessionId, 'writing');
    assert.equal(journal.access, 'write');
    await journal.append([{ sessionUpdate: 'session_info_update', title: 'Told elsewhere' }]);
    await waitFor('what the other has written', () =>
      reader.events.some(({ update }) => update.sessionUpdate === 'session_info_update'),
    );
    await journal.close();
  });

  it('are written by who may, as soon as one comes, and seen by the guest', async () => {
    const sessionId = await closedConversation();
    const reader = guest();
    await world.sessions.attach(sessionId, undefined, reader);
    const { access } = await world.sessions.attach(sessionId, undefined, world.client);
    assert.equal(access, 'write');
    world.model.willReply(says('second'));
    await world.prompt(sessionId, 'two');
    await waitFor('the turn', () => JSON.stringify(reader.events).includes('second'));
    assert.equal((await other.open(sessionId, 'writing')).access, 'read');
  });

  it('can be renamed without being watched by who renames them', async () => {
    const sessionId = await closedConversation();
    await world.sessions.attach(sessionId, undefined, guest());
    await world.sessions.rename(sessionId, 'New name');
    const [listed] = await world.sessions.list(undefined);
    assert.equal(listed?.title, 'New name');
  });

  it('are eight at most of one token and sixteen of all, however many are there, and the owner opens more', async () => {
    const ids: ConversationId[] = [];
    for (let count = 0; count < 33; count++) {
      ids.push((await world.sessions.create(world.workspaceFolder)).sessionId);
    }
    const [first, ninth, seventeenth] = [ids[0], ids[8], ids[16]];
    assert.ok(first && ninth && seventeenth);
    const reader = guest();
    for (const id of ids.slice(0, 8)) await world.sessions.attach(id, undefined, reader);
    await assert.rejects(world.sessions.attach(ninth, undefined, guest()), {
      reason: 'ResourceLimit',
      message: /8 conv/,
    });
    await world.sessions.attach(first, undefined, guest());
    for (const id of ids.slice(8, 16)) await world.sessions.attach(id, undefined, guest('another'));
    const late = world.sessions.attach(seventeenth, undefined, guest('third'));
    await assert.rejects(late, { reason: 'ResourceLimit', message: /16 conv/ });
    for (const id of ids.slice(16, 32)) await world.sessions.attach(id, undefined, world.client);
    world.sessions.detach(first, reader);
    assert.equal(world.sessions.openCount, 32);
  });
});
