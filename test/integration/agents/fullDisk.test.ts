import * as assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { AgentWorld } from '../../support/agentWorld.ts';
import { calls, says, type ScriptedReply } from '../../support/modelScript.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('A turn during which the disk becomes full', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await AgentWorld.open();
  });

  afterEach(async () => {
    world.disk.isFull = false;
    await world.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
  });

  /** Runs a turn whose beginning is still written, and nothing after it. */
  async function fillDuringTurn(...replies: readonly ScriptedReply[]): Promise<ConversationId> {
    const sessionId = await world.begin(...replies);
    world.client.onEvent = ({ update }) => {
      if (update.sessionUpdate === 'turn_started') world.disk.isFull = true;
    };
    await assert.rejects(world.prompt(sessionId, 'hello'), isDiskFull);
    world.client.onEvent = () => undefined;
    return sessionId;
  }

  function lastSummary(sessionId: ConversationId): ConversationSummary | null | undefined {
    const changes = world.broadcasts.filter(({ method }) => method === 'session/changed');
    const params = changes.map((change) => change.params as { sessionId: string; session: ConversationSummary | null });
    return params.findLast((change) => change.sessionId === sessionId)?.session;
  }

  const kinds = async (sessionId: ConversationId) =>
    (await world.journal(sessionId)).map(({ update }) => update.sessionUpdate);

  it('ends with the reason for everybody who watches, also for those who come later', async () => {
    const sessionId = await fillDuringTurn(says('Nobody can keep this.'));
    const session = lastSummary(sessionId);
    assert.equal(session?.running, false);
    assert.equal(session.unsavedEnd?.stopReason, 'failed');
    assert.match(session.unsavedEnd.error.message, /ENOSPC.*disk is full.*Free some space/);
    const attached = await world.sessions.attach(sessionId, undefined, world.client);
    assert.equal(attached.running, false);
    assert.deepEqual(attached.unsavedEnd, session.unsavedEnd);
  });

  it('has its end written by itself once there is room again', async () => {
    const sessionId = await fillDuringTurn(calls({ id: 'call_a', name: 'list_files', arguments: {} }));
    world.disk.isFull = false;
    const ended = await world.update('turn_ended');
    assert.equal(ended.stopReason, 'failed');
    assert.match(ended.error?.message ?? '', /ENOSPC/);
    await waitFor('the summary without it', () => lastSummary(sessionId)?.unsavedEnd === undefined);
    assert.equal((await kinds(sessionId)).filter((kind) => kind === 'turn_ended').length, 1);
  });

  it('has its end written before the next turn begins', async () => {
    const sessionId = await fillDuringTurn(says('Nobody can keep this.'));
    world.disk.isFull = false;
    world.model.play({ models: ['test-model'], replies: [says('There is room again.')] });
    assert.equal((await world.prompt(sessionId, 'and now?')).stopReason, 'end_turn');
    const turns = (await kinds(sessionId)).filter((kind) => kind.startsWith('turn_'));
    assert.deepEqual(turns, ['turn_started', 'turn_ended', 'turn_started', 'turn_ended']);
  });

  it('keeps that it was stopped by a person, where only its end finds no room', async () => {
    const sessionId = await world.begin({ stream: [{ text: 'A part' }, { stall: true }] });
    const turn = world.prompt(sessionId, 'hello');
    await world.update('agent_message_chunk');
    world.disk.isFull = true;
    world.sessions.cancel(sessionId);
    await assert.rejects(turn, isDiskFull);
    assert.equal(lastSummary(sessionId)?.unsavedEnd?.stopReason, 'cancelled');
    world.disk.isFull = false;
    assert.equal((await world.update('turn_ended')).stopReason, 'cancelled');
  });

  it('is told again to whoever presses Stop after its end', async () => {
    const sessionId = await fillDuringTurn(says('Nobody can keep this.'));
    world.broadcasts.length = 0;
    world.sessions.cancel(sessionId);
    assert.equal(lastSummary(sessionId)?.running, false);
    assert.match(lastSummary(sessionId)?.unsavedEnd?.error.message ?? '', /ENOSPC/);
  });

  it('has its end written when the conversation is closed, if there is room by then', async () => {
    const sessionId = await fillDuringTurn(says('Nobody can keep this.'));
    world.disk.isFull = false;
    await world.restart();
    const ended = (await world.journal(sessionId)).findLast(({ update }) => update.sessionUpdate === 'turn_ended');
    assert.equal(ended?.update.sessionUpdate === 'turn_ended' && ended.update.stopReason, 'failed');
  });
});

function isDiskFull(error: unknown): boolean {
  assert.ok(error instanceof CodedError, String(error));
  assert.equal(error.reason, 'Unavailable');
  assert.match(error.message, /ENOSPC.*Free some space/);
  return true;
}
