import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SessionUpdate } from '../../../../server/protocol/sessionEvents.ts';
import { openFilesUnder } from '../../../support/openFiles.ts';
import { turnUpdates } from '../../../support/writtenConversations.ts';
import { essence, ExchangeWorld } from './exchangeWorld.ts';

const runs = Number(process.env['EXCHANGE_RUNS'] ?? 150);
const text = fc.string({ unit: 'binary', maxLength: 30 });
const id = fc.constantFrom('a', 'b', 'c');
const block = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('text' as const), text }) },
  fc.record({ type: fc.constant('resource_link' as const), uri: text, name: text }),
  fc.record({ type: fc.constant('resource' as const), resource: fc.record({ uri: text, text }) }),
);
const callContent = fc.oneof(
  fc.record({ type: fc.constant('content' as const), content: block }),
  fc.record({ type: fc.constant('terminal' as const), terminalId: fc.constant('0123456789abcdef'.repeat(2)) }),
);
const rawOutput = fc.option(
  fc.oneof(
    fc.record(
      {
        exitCode: fc.constantFrom(0, 1, null),
        running: fc.boolean(),
        isInterrupted: fc.boolean(),
        durationMs: fc.nat(),
        cwdAfter: fc.constant('/home/somebody'),
      },
      { requiredKeys: [] },
    ),
    fc.jsonValue({ maxDepth: 2 }),
  ),
  { nil: undefined },
);
const chunk = (kind: 'user_message_chunk' | 'agent_message_chunk' | 'agent_thought_chunk') =>
  fc.record({ sessionUpdate: fc.constant(kind), messageId: id, content: block });
const status = fc.constantFrom('pending', 'in_progress', 'completed', 'failed');
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Everything that a journal may hold, in any order, sensible or not. */
const update = fc.oneof(
  { weight: 3, arbitrary: chunk('agent_message_chunk') },
  chunk('user_message_chunk'),
  chunk('agent_thought_chunk'),
  fc.record({
    sessionUpdate: fc.constant('tool_call' as const),
    toolCallId: id,
    title: text,
    kind: fc.constantFrom('execute', 'read'),
    status,
    rawInput: fc.jsonValue({ maxDepth: 2 }),
    content: optional(fc.array(callContent, { maxLength: 2 })),
    rawOutput,
    toolName: optional(text),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      sessionUpdate: fc.constant('tool_call_update' as const),
      toolCallId: id,
      status: optional(status),
      content: optional(fc.array(callContent, { maxLength: 2 })),
      rawOutput,
      noteForModel: optional(text),
    }),
  },
  fc.record({ sessionUpdate: fc.constant('session_info_update' as const), title: text }),
  fc.record({
    sessionUpdate: fc.constant('config_option_update' as const),
    configId: fc.constantFrom('model', 'persona'),
    value: text,
  }),
  fc.record({
    sessionUpdate: fc.constant('usage_update' as const),
    used: fc.nat(),
    turn: fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }),
  }),
  { weight: 2, arbitrary: fc.record({ sessionUpdate: fc.constant('turn_started' as const), turnId: id, model: text }) },
  fc.record({
    sessionUpdate: fc.constant('turn_ended' as const),
    turnId: id,
    stopReason: fc.constantFrom('end_turn', 'failed', 'interrupted'),
  }),
  fc.record({
    sessionUpdate: fc.constant('permission_answered' as const),
    requestId: id,
    optionId: fc.constantFrom('allow', null),
  }),
);
const conversation = fc
  .array(update, { maxLength: 40 })
  .map((updates) => updates.map((one) => JSON.parse(JSON.stringify(one)) as SessionUpdate))
  // A key of this name is refused when it is imported, which is shown elsewhere.
  .filter((updates) => !JSON.stringify(updates).includes('__proto__'));

describe('an exported conversation that is imported', function () {
  this.timeout(120_000);
  let world: ExchangeWorld;
  beforeEach(() => (world = new ExchangeWorld()));
  afterEach(async () => {
    await world.exchange.dispose();
    await world.fixture.close();
    assert.deepEqual(openFilesUnder(world.fixture.dataFolder), []);
    world.fixture.remove();
  });

  it('is exported again as it was, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(conversation, async (updates) => {
        const first = await world.exported(world.write(updates));
        const { sessionId } = await world.import(first);
        const second = await world.exported(sessionId);
        assert.deepEqual(essence(second), essence(first));
        const { sessionId: third } = await world.import(second);
        assert.deepEqual(essence(await world.exported(third)), essence(first));
      }),
      { numRuns: runs },
    );
  });

  it('has a new id, says when and from where it came, and belongs to the open workspace', async () => {
    const updates = turnUpdates({ id: 'a', question: 'Why?', answer: 'Because.', command: 'ls' });
    const from = world.write(updates);
    const before = Date.now();
    const { sessionId, title } = await world.import(await world.exported(from));
    assert.notEqual(sessionId, from);
    assert.equal(title, 'Why?');
    const store = world.fixture.store();
    const journal = await store.open(sessionId);
    const { header, access } = journal;
    assert.deepEqual([header.cwd, header.workspaceFolders], [world.fixture.folder, [world.fixture.folder]]);
    assert.equal(header.imported?.conversationId, from);
    assert.ok(header.imported.at >= before && header.imported.at <= Date.now());
    assert.equal(header.createdAt, 1_777_887_000_000);
    assert.equal(access, 'write');
    assert.deepEqual(
      journal.events().map((event) => event.update),
      updates,
    );
    const [added] = await journal.append([{ sessionUpdate: 'session_info_update', title: 'It goes on' }]);
    assert.equal(added?.sequence, updates.length + 1);
    const listed = await store.list([world.fixture.folder]);
    await store.dispose();
    assert.deepEqual(listed.map((one) => one.title).sort(), ['It goes on', 'Why?']);
    const importedAt = new Map(listed.map((one) => [one.title, one.importedAt]));
    assert.deepEqual([importedAt.get('It goes on'), importedAt.get('Why?')], [header.imported.at, undefined]);
    assert.equal(world.imported[0]?.importedAt, header.imported.at);
    assert.deepEqual(
      world.imported.map((session) => [session.sessionId, session.title, session.updatedAt]),
      [[sessionId, 'Why?', journal.events().at(-2)?.at]],
    );
  });

  it('brings no terminal, no running command and no folder of another machine with it', async () => {
    const call: SessionUpdate = {
      sessionUpdate: 'tool_call',
      toolCallId: 'c',
      title: 'sleep 9',
      kind: 'execute',
      status: 'in_progress',
      toolName: 'run_command',
    };
    const ended: SessionUpdate = {
      sessionUpdate: 'tool_call_update',
      toolCallId: 'c',
      status: 'completed',
      content: [
        { type: 'terminal', terminalId: '0123456789abcdef'.repeat(2) as never },
        { type: 'content', content: { type: 'text', text: 'out' } },
      ],
      rawOutput: { running: true, isInterrupted: true, cwdAfter: '/etc', durationMs: 5 },
    };
    const foreign = {
      ...(JSON.parse(await world.exported(world.write([]))) as object),
      events: [call, ended].map((one) => ({ at: 1, update: one })),
    };
    const { sessionId } = await world.import(JSON.stringify(foreign));
    const [, result] = await world.eventsOf(sessionId);
    assert.deepEqual(result?.update, {
      sessionUpdate: 'tool_call_update',
      toolCallId: 'c',
      status: 'completed',
      content: [{ type: 'content', content: { type: 'text', text: 'out' } }],
      rawOutput: { durationMs: 5 },
    });
  });

  it('is read in any layout and in parts of any size', async () => {
    const exported = await world.exported(
      world.write(turnUpdates({ id: 'ä', question: '"events":[𝄞]', answer: '}{' })),
    );
    const pretty = JSON.stringify(JSON.parse(exported), null, 4);
    for (const [document, size] of [
      [exported, 1],
      [pretty, 7],
    ] as const) {
      let cursor: string | undefined;
      for (let start = 0; ; start += size) {
        const content = document.slice(start, start + size);
        const isPart = start + size < document.length;
        const around = { isPart, ...(cursor !== undefined && { cursor }) };
        const result = await world.exchange.import({ content, ...around }, new AbortController().signal);
        if ('sessionId' in result) {
          assert.deepEqual(essence(await world.exported(result.sessionId)), essence(exported));
          break;
        }
        cursor = result.nextCursor;
      }
    }
  });
});
