import assert from 'node:assert/strict';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import {
  emptyView,
  openQuestion,
  type ConversationView,
  type ToolCallItem,
} from '../../../webview-ui/src/agentPanel/state/conversationView.ts';
import { foldAttached, foldEvents, withoutRunningTurn } from '../../../webview-ui/src/agentPanel/state/foldEvents.ts';
import {
  agent,
  commandCall,
  commandEnded,
  commandRunning,
  eventsOf,
  permissionAsked,
  richUpdates,
  thought,
  turnEnded,
  turnStarted,
  user,
} from '../../support/conversationScript.ts';

function fold(updates: readonly SessionUpdate[]): ConversationView {
  const { view, hasHole } = foldEvents(emptyView, eventsOf(updates));
  assert.equal(hasHole, false);
  return view;
}

function toolCall(view: ConversationView): ToolCallItem {
  const call = view.items.find((item) => item.type === 'tool');
  assert.ok(call);
  return call;
}

describe('the fold of a conversation', () => {
  it('joins the chunks of one message and keeps messages of different kinds apart', () => {
    const view = fold([user('Hi'), thought('hm'), agent('Hel'), agent('lo'), agent('Next', 'a2')]);
    assert.deepEqual(
      view.items.map((item) =>
        item.type === 'tool' || item.type === 'turnEnd' || item.type === 'question'
          ? item.type
          : [item.type, item.text],
      ),
      [
        ['user', 'Hi'],
        ['thought', 'hm'],
        ['agent', 'Hello'],
        ['agent', 'Next'],
      ],
    );
  });

  it('shows a message that goes on after a tool call below that call', () => {
    const view = fold([agent('before'), commandCall('c1', 'ls'), agent('after')]);
    assert.deepEqual(
      view.items.map((item) => item.type),
      ['agent', 'tool', 'agent'],
    );
    assert.equal(new Set(view.items.map((item) => item.key)).size, 3);
  });

  it('changes nothing when events come twice', () => {
    const events = eventsOf(richUpdates);
    const { view } = foldEvents(emptyView, events);
    assert.equal(foldEvents(view, events).view, view);
    const overlapping = foldEvents(foldEvents(emptyView, events.slice(0, 9)).view, events.slice(4)).view;
    assert.deepEqual(overlapping, view);
  });

  it('gives the same view however the events are cut into batches', () => {
    const events = eventsOf(richUpdates);
    const whole = foldEvents(emptyView, events).view;
    const single = events.reduce((view, event) => foldEvents(view, [event]).view, emptyView);
    assert.deepEqual(single, whole);
  });

  it('stops at a hole in the numbers and says so', () => {
    const events = eventsOf([user('one'), agent('two'), agent('three')]);
    const { view, hasHole } = foldEvents(emptyView, [events[0]!, events[2]!]);
    assert.equal(hasHole, true);
    assert.equal(view.sequence, 1);
    assert.equal(view.items.length, 1);
  });

  it('accepts the numbers that compaction left out of a snapshot', () => {
    const events = eventsOf([user('one'), agent('three')]).map((event, index) => ({
      ...event,
      sequence: 1 + 5 * index,
    }));
    const view = foldAttached(emptyView, { events, sequence: 9, title: 'Title' });
    assert.equal(view.sequence, 9);
    assert.equal(view.title, 'Title');
    assert.equal(foldEvents(view, eventsOf([agent('more')], 10)).hasHole, false);
  });

  it('never changes a view that it has given out, and keeps the identity of what did not change', () => {
    const before = fold([user('one'), commandCall('c1', 'ls'), agent('text')]);
    const copy = structuredClone({ ...before, positions: [...before.positions] });
    const { view: after } = foldEvents(before, eventsOf([commandRunning('c1'), agent(' grows')], 4));
    assert.deepEqual({ ...before, positions: [...before.positions] }, copy);
    assert.equal(after.items[0], before.items[0]);
    assert.notEqual(after.items[1], before.items[1]);
  });

  it('follows a command from its question to its exit code', () => {
    const updates = [turnStarted(), commandCall('c1', 'npm test'), permissionAsked('c1', 'npm test')];
    const asked = fold(updates);
    assert.equal(openQuestion(asked)?.requestId, 'q1');
    const ended = fold([
      ...updates,
      { sessionUpdate: 'permission_answered', requestId: 'q1', optionId: 'allow' },
      commandRunning('c1'),
      commandEnded('c1', 'ok'),
    ]);
    assert.equal(openQuestion(ended), null);
    const call = toolCall(ended);
    assert.equal(call.status, 'completed');
    assert.equal(call.question?.answer, 'allow');
    assert.deepEqual(call.rawOutput, { exitCode: 0, durationMs: 2345 });
    assert.equal(call.endedAt! - call.startedAt, 1000, 'waiting for the person does not count as running');
  });

  it('asks the oldest question first where several calls ask at once', () => {
    const view = fold([
      turnStarted(),
      commandCall('c1', 'one'),
      commandCall('c2', 'two'),
      permissionAsked('c1', 'one', 'q1'),
      permissionAsked('c2', 'two', 'q2'),
    ]);
    assert.equal(openQuestion(view)?.requestId, 'q1');
  });

  it('shows a question whose tool call is not known', () => {
    const view = fold([turnStarted(), permissionAsked('lost', 'rm -rf build')]);
    assert.equal(view.items[0]?.type, 'question');
    assert.equal(openQuestion(view)?.detail, 'rm -rf build');
    assert.equal(openQuestion(view)?.cwd, null);
    const placed = fold([turnStarted(), { ...permissionAsked('lost', 'rm -rf build'), cwd: '/project/src' }]);
    assert.equal(openQuestion(placed)?.cwd, '/project/src');
  });

  it('closes what a turn left open when the turn ends', () => {
    const view = fold([
      turnStarted(),
      commandCall('c1', 'sleep 9'),
      permissionAsked('c1', 'sleep 9'),
      turnEnded('cancelled'),
    ]);
    assert.equal(view.turn, null);
    assert.equal(toolCall(view).abandoned, true);
    assert.equal(toolCall(view).question?.answer, null);
  });

  it('marks a turn as interrupted where the server knows of no running one', () => {
    const running = fold([user('go'), turnStarted(), commandCall('c1', 'sleep 9'), commandRunning('c1')]);
    const view = withoutRunningTurn(running);
    const end = view.items.at(-1);
    assert.equal(end?.type === 'turnEnd' && end.stopReason, 'interrupted');
    assert.equal(toolCall(view).abandoned, true);
    assert.equal(view.sequence, running.sequence);
    const idle = fold([user('go'), turnStarted(), turnEnded('end_turn')]);
    assert.equal(withoutRunningTurn(idle), idle);
  });

  it('shows an interrupted turn once when the server says so as well', () => {
    const view = withoutRunningTurn(fold([user('go'), turnStarted()]));
    const { view: later } = foldEvents(view, eventsOf([turnEnded('interrupted')], 3));
    assert.deepEqual(
      later.items.map((item) => item.type),
      ['user', 'turnEnd'],
    );
  });

  it('passes over kinds of events that it does not know', () => {
    const unknown = { sessionUpdate: 'from_the_future' } as unknown as SessionUpdate;
    const view = fold([user('one'), unknown, agent('two')]);
    assert.equal(view.sequence, 3);
    assert.equal(view.items.length, 2);
  });

  it('keeps usage, title and options', () => {
    const view = fold([
      { sessionUpdate: 'usage_update', used: 10, size: 100, turn: { inputTokens: 8, outputTokens: 2 } },
      { sessionUpdate: 'session_info_update', title: 'Named' },
      { sessionUpdate: 'config_option_update', configId: 'model', value: 'ollama/qwen3-coder' },
    ]);
    assert.deepEqual(view.usage, { used: 10, size: 100, turn: { inputTokens: 8, outputTokens: 2 } });
    assert.equal(view.title, 'Named');
    assert.equal(view.configValues['model'], 'ollama/qwen3-coder');
  });
});
