import * as assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { ConversationId, SessionEvent } from '../../../server/protocol/sessionEvents.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { emptyView } from '../../../webview-ui/src/agentPanel/state/conversationView.ts';
import { foldAttached } from '../../../webview-ui/src/agentPanel/state/foldEvents.ts';
import { AgentWorld } from '../../support/agentWorld.ts';
import { messageText } from '../../support/modelServer.ts';
import { calls, says, type ScriptedReply } from '../../support/modelScript.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

const script: ScriptedReply[] = [
  {
    stream: [
      { thought: 'Let me look.' },
      { text: 'I will look at both files.' },
      { toolCall: { id: 'call_a', name: 'read_file', arguments: { path: 'a.txt' } } },
      { toolCall: { id: 'call_b', name: 'search', arguments: { query: 'beta' } } },
      { finish: 'tool_calls', usage: { input: 10, output: 10 } },
    ],
  },
  calls({ id: 'call_c', name: 'run_command', arguments: { command: 'true' } }),
  says('That is all.'),
];

describe('A conversation after its server was killed', function () {
  this.timeout(60_000);
  let world: AgentWorld;

  beforeEach(async () => {
    world = await AgentWorld.open();
    await writeFile(path.join(world.workspaceFolder, 'a.txt'), 'alpha\nbeta\n');
  });

  afterEach(async () => {
    await world.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
  });

  /** Events of a whole turn with everything in it. */
  async function wholeTurn(): Promise<readonly SessionEvent[]> {
    const sessionId = await world.begin(...script);
    const turn = world.prompt(sessionId, 'look at everything');
    const { requestId } = await world.update('permission_requested');
    await world.sessions.answerPermission(sessionId, requestId, 'reject_once');
    assert.equal((await turn).stopReason, 'end_turn');
    const events = await world.journal(sessionId);
    const kinds = new Set(events.map(({ update }) => update.sessionUpdate));
    for (const kind of [
      'agent_thought_chunk',
      'tool_call',
      'permission_answered',
      'usage_update',
      'turn_ended',
    ] as const) {
      assert.ok(kinds.has(kind), `the turn has an event ${kind}`);
    }
    return events;
  }

  /** A journal as a kill right after its last event leaves it. */
  async function journalWith(events: readonly SessionEvent[]): Promise<ConversationId> {
    const { logger } = recordingLogger();
    const store = new JournalStore({ dataFolder: world.dataFolder, logger, clock: systemClock });
    const place = { cwd: world.workspaceFolder, workspaceFolders: [world.workspaceFolder] };
    const journal = await store.create(place);
    await journal.append(events.map(({ update }) => update));
    await journal.close();
    await store.dispose();
    return journal.header.conversationId;
  }

  it('goes on from every single event at which that can happen', async () => {
    const events = await wholeTurn();
    assert.ok(events.length > 15);
    for (let count = 1; count <= events.length; count++) {
      const sessionId = await journalWith(events.slice(0, count));
      const attached = await world.sessions.attach(sessionId, undefined, world.client);
      const isOver = count === events.length;
      const ended = attached.events.findLast(({ update }) => update.sessionUpdate === 'turn_ended');
      assert.equal(
        ended?.update.sessionUpdate === 'turn_ended' && ended.update.stopReason,
        isOver ? 'end_turn' : 'interrupted',
        `after ${count} events`,
      );
      const { items } = foldAttached(emptyView, attached);
      const open = items.filter((item) => item.type === 'tool' && !['completed', 'failed'].includes(item.status));
      assert.deepEqual(open, [], `no call is left open after ${count} events`);
      if (isOver) {
        await assert.rejects(world.sessions.goOn(sessionId, world.context()), { reason: 'Conflict' });
        world.sessions.detach(sessionId, world.client);
        continue;
      }
      // The fixture refuses messages in which a call has not exactly one answer.
      world.model.play({ models: ['test-model'], replies: [says('And on it goes.')] });
      const result = await world.sessions.goOn(sessionId, world.context());
      assert.equal(result.stopReason, 'end_turn', `after ${count} events`);
      assert.equal(
        world.model.chats.at(-1)?.messages.at(-1)?.role !== 'assistant',
        true,
        'somebody else has the last word',
      );
      world.sessions.detach(sessionId, world.client);
    }
  });

  it('tells the model what is not known about a command that was running', async () => {
    const events = await wholeTurn();
    const allowed = events.map((event) =>
      event.update.sessionUpdate === 'permission_answered'
        ? { ...event, update: { ...event.update, optionId: 'allow_once' } }
        : event,
    );
    const cut = allowed.findIndex(({ update }) => update.sessionUpdate === 'permission_answered');
    for (const [count, expected] of [
      [cut, /did not run/],
      [cut + 1, /had been started, and how far it came is not known/],
    ] as const) {
      const sessionId = await journalWith(allowed.slice(0, count));
      world.model.play({ models: ['test-model'], replies: [says('I see.')] });
      await world.sessions.goOn(sessionId, world.context());
      const answer = world.model.chats.at(-1)?.messages.findLast(({ role }) => role === 'tool');
      assert.match(messageText(answer), expected);
    }
  });

  it('shows the same to a client that comes back with its last number as to one that starts from nothing', async () => {
    const sessionId = await world.begin(says('First.'), says('Second.'));
    await world.prompt(sessionId, 'one');
    const seen = world.client.events.at(-1)!.sequence;
    await world.restart();
    await world.prompt(sessionId, 'two');
    const rest = await world.sessions.attach(sessionId, seen, world.client);
    assert.equal(rest.isSnapshot, false);
    assert.equal(rest.events[0]?.sequence, seen + 1);
    const all = await world.sessions.attach(sessionId, 0, world.client);
    assert.deepEqual(
      all.events.map(({ sequence }) => sequence),
      Array.from({ length: rest.sequence }, (_value, index) => index + 1),
    );
    const beyond = await world.sessions.attach(sessionId, rest.sequence + 1000, world.client);
    assert.equal(beyond.isSnapshot, true, 'a number that this journal never gave is not trusted');
  });

  it('ends a running turn as interrupted when the server is told to end', async () => {
    const sessionId = await world.begin({ stream: [{ text: 'Half ' }, { stall: true }] });
    const turn = world.prompt(sessionId, 'hello');
    await world.update('agent_message_chunk');
    await world.restart();
    assert.equal((await turn).stopReason, 'interrupted');
    const last = (await world.journal(sessionId)).at(-1)?.update;
    assert.equal(last?.sessionUpdate === 'turn_ended' && last.stopReason, 'interrupted');
  });
});
