import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SessionEvent, SessionUpdate, ToolCallStatus } from '../../../server/protocol/sessionEvents.ts';
import { sessionEvent } from '../../../server/protocol/sessionEvents.ts';
import { compactEvents, compactTurn, snapshotLimits } from '../../../server/src/agents/compactEvents.ts';
import { ConversationState } from '../../../server/src/agents/conversationState.ts';
import { eventsToMessages } from '../../../server/src/agents/eventsToMessages.ts';
import { pastCommands } from '../../../server/src/agents/pastCommands.ts';
import { emptyView, type ConversationView } from '../../../webview-ui/src/agentPanel/state/conversationView.ts';
import { foldAttached, foldEvents } from '../../../webview-ui/src/agentPanel/state/foldEvents.ts';

const text = fc.string({ maxLength: 12 });
const messageId = fc.constantFrom('m1', 'm2');
const callId = fc.constantFrom('c1', 'c2', 'c3');
const status = fc.constantFrom<ToolCallStatus>('pending', 'in_progress', 'completed', 'failed');
const content = fc.oneof(
  text.map((value) => ({ type: 'text' as const, text: value })),
  text.map((value) => ({ type: 'resource_link' as const, uri: `file:///${value}`, name: value })),
);
const callContent = fc.array(
  content.map((block) => ({ type: 'content' as const, content: block })),
  { maxLength: 2 },
);

/** Any order of events, also such as no turn makes. */
const anyUpdate = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ sessionUpdate: fc.constant('agent_message_chunk' as const), messageId, content }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ sessionUpdate: fc.constant('agent_thought_chunk' as const), messageId, content }),
  },
  fc.record({ sessionUpdate: fc.constant('user_message_chunk' as const), messageId, content }),
  fc.record({
    sessionUpdate: fc.constant('tool_call' as const),
    toolCallId: callId,
    title: text,
    kind: fc.constant('read' as const),
    status,
    rawInput: fc.jsonValue(),
    toolName: fc.constantFrom('run_command', 'read_file'),
  }),
  {
    weight: 5,
    arbitrary: fc.record(
      {
        sessionUpdate: fc.constant('tool_call_update' as const),
        toolCallId: callId,
        title: text,
        status,
        content: callContent,
        rawOutput: fc.record({ exitCode: fc.nat(), cwdAfter: text, running: fc.boolean() }, { requiredKeys: [] }),
        noteForModel: text,
      },
      { requiredKeys: ['sessionUpdate', 'toolCallId'] },
    ),
  },
  fc.record({
    sessionUpdate: fc.constant('usage_update' as const),
    used: fc.nat(),
    turn: fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }),
  }),
  fc.record({ sessionUpdate: fc.constant('session_info_update' as const), title: text }),
  fc.record({
    sessionUpdate: fc.constant('config_option_update' as const),
    configId: fc.constantFrom('model', 'mode'),
    value: text,
  }),
  fc.record({ sessionUpdate: fc.constant('turn_started' as const), turnId: text, model: text }),
  fc.record({
    sessionUpdate: fc.constant('turn_ended' as const),
    turnId: text,
    stopReason: fc.constant('end_turn' as const),
  }),
  fc.record({
    sessionUpdate: fc.constant('permission_requested' as const),
    requestId: fc.constantFrom('q1', 'q2'),
    toolCallId: callId,
    detail: text,
    options: fc.constant([{ optionId: 'allow_once', name: 'Allow', kind: 'allow_once' as const }]),
  }),
  fc.record({
    sessionUpdate: fc.constant('permission_answered' as const),
    requestId: fc.constantFrom('q1', 'q2'),
    optionId: fc.constantFrom('allow_once', null),
  }),
) as fc.Arbitrary<unknown> as fc.Arbitrary<SessionUpdate>;

function number(updates: readonly SessionUpdate[]): SessionEvent[] {
  return updates.map((update, index) => ({ sequence: index + 1, at: 1_000 + index * 10, update }));
}

function foldAll(events: readonly SessionEvent[]): ConversationView {
  const { view, hasHole } = foldEvents(emptyView, events);
  assert.equal(hasHole, false);
  return view;
}

const replaceable = new Set(['usage_update', 'session_info_update', 'config_option_update']);

/** As a journal does it: a turn that has not ended stays as it is. */
function compactEndedTurns(events: readonly SessionEvent[]): SessionEvent[] {
  const turns: SessionEvent[][] = [[]];
  for (const event of events) {
    if (event.update.sessionUpdate === 'turn_started') turns.push([]);
    turns.at(-1)?.push(event);
  }
  return turns.flatMap((turn) =>
    turn.some(({ update }) => update.sessionUpdate === 'turn_ended') ? compactTurn(turn) : turn,
  );
}

function foldCompacted(events: readonly SessionEvent[], compacted: readonly SessionEvent[]): ConversationView {
  return foldAttached(emptyView, { events: compacted, sequence: events.at(-1)?.sequence ?? 0, title: '' });
}

describe('Compaction of events', () => {
  it('folds to the very view of all events, in whatever order they came', () => {
    fc.assert(
      fc.property(fc.array(anyUpdate, { maxLength: 60 }), (updates) => {
        const events = number(updates);
        const { events: compacted, hasEarlier } = compactEvents(events);
        assert.equal(hasEarlier, false);
        assert.ok(compacted.length <= events.length);
        assert.deepEqual(foldCompacted(events, compacted), foldAll(events));
      }),
      { numRuns: 1_000 },
    );
  });

  it('tells a model, and the server itself, of ended turns what all their events told', () => {
    const about = { header: { cwd: '/', createdAt: 0 } };
    const known = (events: readonly SessionEvent[]) => {
      const state = ConversationState.of({ header: about.header as never, events: () => events });
      const calls = ['c1', 'c2', 'c3'].map((id) => [state.hasToolCall(id), state.isCallOpen(id)]);
      const { sequence: _, updatedAt: __, ...rest } = state;
      return [
        eventsToMessages(events),
        pastCommands(events, 100),
        state.closing('x'),
        state.runningCalls(),
        calls,
        rest,
      ];
    };
    fc.assert(
      fc.property(fc.array(anyUpdate, { maxLength: 60 }), (updates) => {
        // What a person wrote stands right behind the start of its turn: only there does it matter what comes next.
        const isKnownOrder = updates.every(
          ({ sessionUpdate }, index) =>
            sessionUpdate !== 'turn_started' || !replaceable.has(updates[index + 1]?.sessionUpdate ?? ''),
        );
        fc.pre(isKnownOrder);
        const events = number(updates);
        assert.deepEqual(known(compactEndedTurns(events)), known(events));
      }),
      { numRuns: 1_000 },
    );
  });

  it('folds to the very view again where ended turns were compacted before', () => {
    fc.assert(
      fc.property(fc.array(anyUpdate, { maxLength: 60 }), (updates) => {
        const events = number(updates);
        const { events: compacted } = compactEvents(compactEndedTurns(events));
        assert.deepEqual(foldCompacted(events, compacted), foldAll(events));
      }),
      { numRuns: 1_000 },
    );
  });

  it('gives valid events whose numbers rise', () => {
    fc.assert(
      fc.property(fc.array(anyUpdate, { maxLength: 40 }), (updates) => {
        const { events } = compactEvents(number(updates));
        let last = 0;
        for (const event of events) {
          assert.ok(sessionEvent.safeParse(event).success, JSON.stringify(event));
          assert.ok(event.sequence > last);
          last = event.sequence;
        }
      }),
    );
  });

  it('makes one event of a streamed answer, and few of a tool call', () => {
    const chunks = Array.from({ length: 500 }, (_value, index): SessionUpdate => ({
      sessionUpdate: 'agent_message_chunk',
      messageId: 'm1',
      content: { type: 'text', text: `${index} ` },
    }));
    const call: SessionUpdate[] = [
      { sessionUpdate: 'tool_call', toolCallId: 'c1', title: 't', kind: 'read', status: 'pending' },
      { sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'in_progress' },
      ...Array.from({ length: 100 }, (): SessionUpdate => ({
        sessionUpdate: 'tool_call_update',
        toolCallId: 'c1',
        content: [],
      })),
      { sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'completed' },
    ];
    assert.equal(compactEvents(number([...chunks, ...call])).events.length, 4);
  });

  it('keeps the last turns whole, and what older ones set for the whole conversation', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), (turnCount, maxTurns) => {
        const updates = Array.from({ length: turnCount }, (_value, turn) => turnUpdates(turn)).flat();
        const events = number([{ sessionUpdate: 'session_info_update', title: 'The title' }, ...updates]);
        const { events: compacted, hasEarlier } = compactEvents(events, { ...snapshotLimits, maxTurns });
        const view = foldCompacted(events, compacted);
        const all = foldAll(events);
        const keptTurns = Math.min(turnCount, maxTurns);
        assert.equal(hasEarlier, turnCount > maxTurns);
        assert.deepEqual(view.items, all.items.slice(all.items.length - keptTurns * itemsPerTurn));
        assert.equal(view.title, 'The title');
        assert.deepEqual(view.configValues, all.configValues);
        assert.deepEqual(view.usage, all.usage);
      }),
    );
  });

  it('keeps to its limits where a single turn is larger than all of them', () => {
    const calls = Array.from({ length: 3_000 }, (_value, index): SessionUpdate => ({
      sessionUpdate: 'tool_call',
      toolCallId: `c${index}`,
      title: 't',
      kind: 'read',
      status: 'completed',
      content: [{ type: 'content', content: { type: 'text', text: 'x'.repeat(1_000) } }],
    }));
    const events = number([{ sessionUpdate: 'turn_started', turnId: 't', model: 'm' }, ...calls]);
    const limits = { maxTurns: 5, maxEvents: 2_000, maxChars: 500_000 };
    const { events: compacted, hasEarlier, earliestSequence } = compactEvents(events, limits);
    assert.equal(hasEarlier, true);
    assert.equal(compacted[0]?.update.sessionUpdate, 'turn_started');
    assert.equal(compacted.at(-1)?.sequence, events.length);
    const end = compacted.slice(1);
    const chars = end.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
    assert.ok(chars <= limits.maxChars && chars > limits.maxChars - 2_000, `${chars} characters`);
    assert.equal(earliestSequence, end[0]?.sequence);
    assert.equal(end.length, events.length - earliestSequence + 1);
  });
});

const itemsPerTurn = 4;

function turnUpdates(turn: number): SessionUpdate[] {
  const toolCallId = `call-${turn}`;
  return [
    { sessionUpdate: 'turn_started', turnId: `t${turn}`, model: 'm' },
    { sessionUpdate: 'user_message_chunk', messageId: `u${turn}`, content: { type: 'text', text: 'do it' } },
    { sessionUpdate: 'config_option_update', configId: 'model', value: `model-${turn}` },
    { sessionUpdate: 'agent_message_chunk', messageId: `a${turn}`, content: { type: 'text', text: 'one ' } },
    { sessionUpdate: 'agent_message_chunk', messageId: `a${turn}`, content: { type: 'text', text: 'two' } },
    { sessionUpdate: 'tool_call', toolCallId, title: 't', kind: 'read', status: 'pending' },
    { sessionUpdate: 'tool_call_update', toolCallId, status: 'completed' },
    { sessionUpdate: 'usage_update', used: turn, turn: { inputTokens: turn, outputTokens: 1 } },
    { sessionUpdate: 'turn_ended', turnId: `t${turn}`, stopReason: 'end_turn' },
  ];
}
