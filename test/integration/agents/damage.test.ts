import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { AgentWorld } from '../../support/agentWorld.ts';
import { says } from '../../support/modelScript.ts';

describe('A conversation whose file is damaged', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await AgentWorld.open();
  });

  afterEach(async () => {
    await world.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
  });

  const attach = (sessionId: ConversationId) => world.sessions.attach(sessionId, undefined, world.client);

  /** A conversation of two turns, whose file is changed while no server has it open. */
  async function damagedBy(change: (content: Buffer) => Buffer): Promise<ConversationId> {
    const sessionId = await world.begin(says('First answer.'), says('Second answer.'));
    await world.prompt(sessionId, 'one');
    await world.prompt(sessionId, 'two');
    await world.restart();
    const folder = path.join(world.dataFolder, 'conversations');
    const name = fs
      .readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .find((each) => each.endsWith('.journal'));
    const file = path.join(folder, String(name));
    fs.writeFileSync(file, change(fs.readFileSync(file)));
    return sessionId;
  }

  it('tells whoever attaches how much of it could not be read, and the same for the same damage', async () => {
    const sessionId = await damagedBy((content) => {
      content.fill('#', content.indexOf('First answer.'), content.indexOf('First answer.') + 12);
      return content;
    });
    const first = await attach(sessionId);
    assert.equal(first.unreadable?.places, 1);
    assert.ok(first.events.length > 0, 'the rest is read');
    await world.restart();
    assert.deepEqual((await attach(sessionId)).unreadable, first.unreadable);
  });

  it('tells nothing of damage where there is none', async () => {
    const sessionId = await damagedBy((content) => content);
    assert.equal((await attach(sessionId)).unreadable, undefined);
  });

  it('is not said to have been interrupted by a restart where its end was cut off', async () => {
    const sessionId = await damagedBy((content) => content.subarray(0, content.lastIndexOf('"turn_ended"') + 5));
    const { events } = await attach(sessionId);
    const ended = events.at(-1)?.update;
    assert.ok(ended?.sessionUpdate === 'turn_ended');
    assert.equal(ended.stopReason, 'interrupted');
    assert.match(ended.error?.message ?? '', /last bytes .* are damaged.*kept aside/);
    assert.equal((await world.sessions.goOn(sessionId, replying())).stopReason, 'end_turn');
  });

  it('is listed as one that cannot be opened where its beginning is damaged, and can be deleted', async () => {
    const sessionId = await damagedBy((content) => content.fill('#', 0, 40));
    const [listed] = await world.sessions.list(undefined);
    assert.equal(listed?.sessionId, sessionId);
    assert.equal(listed.access, 'read');
    assert.match(listed.unopenable ?? '', /restore it from a backup/);
    await assert.rejects(attach(sessionId), { reason: 'Unavailable', message: /restore it from a backup/ });
    await world.sessions.delete(sessionId);
    assert.deepEqual(await world.sessions.list(undefined), []);
    await assert.rejects(world.sessions.delete(sessionId), { reason: 'NotFound' });
  });

  function replying() {
    world.model.play({ models: ['test-model'], replies: [says('It goes on.')] });
    return world.context();
  }
});
