import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { eventsToMessages } from '../../../server/src/agents/eventsToMessages.ts';

const started = (turnId: string): SessionUpdate => ({ sessionUpdate: 'turn_started', turnId, model: 'm' });
const ended = (
  turnId: string,
  stopReason: 'end_turn' | 'cancelled' | 'interrupted' | 'failed' = 'end_turn',
): SessionUpdate => ({
  sessionUpdate: 'turn_ended',
  turnId,
  stopReason,
});
const user = (messageId: string, text: string): SessionUpdate => ({
  sessionUpdate: 'user_message_chunk',
  messageId,
  content: { type: 'text', text },
});
const says = (messageId: string, text: string): SessionUpdate => ({
  sessionUpdate: 'agent_message_chunk',
  messageId,
  content: { type: 'text', text },
});
const thinks = (messageId: string, text: string): SessionUpdate => ({
  sessionUpdate: 'agent_thought_chunk',
  messageId: `${messageId}.thought`,
  content: { type: 'text', text },
});
const call = (toolCallId: string, messageId: string, rawInput: unknown = { path: 'a' }): SessionUpdate => ({
  sessionUpdate: 'tool_call',
  toolCallId,
  title: 't',
  kind: 'read',
  status: 'pending',
  rawInput,
  toolName: 'read_file',
  messageId,
});
const result = (
  toolCallId: string,
  status: 'in_progress' | 'completed' | 'failed',
  text?: string,
  noteForModel?: string,
): SessionUpdate => ({
  sessionUpdate: 'tool_call_update',
  toolCallId,
  status,
  ...(text !== undefined && { content: [{ type: 'content', content: { type: 'text', text } }] }),
  ...(noteForModel !== undefined && { noteForModel }),
});

function messages(...updates: SessionUpdate[]) {
  return eventsToMessages(updates.map((update, index): SessionEvent => ({ sequence: index + 1, at: 1, update })));
}

describe('Messages from events', () => {
  it('join the chunks of an answer and keep calls with their results', () => {
    assert.deepEqual(
      messages(
        started('1'),
        user('u', 'look'),
        says('s1', 'I '),
        says('s1', 'look.'),
        call('a', 's1'),
        call('b', 's1'),
        result('a', 'in_progress'),
        result('a', 'completed', 'text of a', '(Lines 1 to 2.)'),
        result('b', 'failed', 'not found'),
        call('c', 's2'),
        result('c', 'completed', ''),
        says('s3', 'Done.'),
        ended('1'),
      ),
      [
        { role: 'user', content: 'look' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { type: 'tool-call', toolCallId: 'a', toolName: 'read_file', input: { path: 'a' } },
            { type: 'tool-call', toolCallId: 'b', toolName: 'read_file', input: { path: 'a' } },
          ],
        },
        {
          role: 'tool',
          content: [
            {
              type: 'tool-result',
              toolCallId: 'a',
              toolName: 'read_file',
              output: { type: 'text', value: 'text of a\n(Lines 1 to 2.)' },
            },
            {
              type: 'tool-result',
              toolCallId: 'b',
              toolName: 'read_file',
              output: { type: 'error-text', value: 'not found' },
            },
          ],
        },
        {
          role: 'assistant',
          content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'read_file', input: { path: 'a' } }],
        },
        {
          role: 'tool',
          content: [
            {
              type: 'tool-result',
              toolCallId: 'c',
              toolName: 'read_file',
              output: { type: 'text', value: '(no output)' },
            },
          ],
        },
        { role: 'assistant', content: [{ type: 'text', text: 'Done.' }] },
      ],
    );
  });

  it('give thoughts back within the turn and not after it', () => {
    const first = [started('1'), user('u', 'a'), thinks('s1', 'hm'), call('a', 's1'), result('a', 'completed', 'x')];
    assert.deepEqual(messages(...first)[1], {
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'hm' },
        { type: 'tool-call', toolCallId: 'a', toolName: 'read_file', input: { path: 'a' } },
      ],
    });
    const later = messages(...first, says('s2', 'b'), ended('1'), started('2'), user('u2', 'c'));
    assert.ok(!JSON.stringify(later).includes('hm'));
  });

  it('leave out an answer that was nothing but a thought', () => {
    const roles = messages(
      started('1'),
      user('u', 'a'),
      thinks('s1', 'hm'),
      ended('1', 'failed'),
      started('2'),
      user('v', 'b'),
    ).map(({ role }) => role);
    assert.deepEqual(roles, ['user']);
  });

  it('say what is not known of a call that was broken off', () => {
    const lastResult = (...updates: SessionUpdate[]): string => {
      const last = messages(started('1'), user('u', 'a'), call('a', 's1'), ...updates).at(-1);
      assert.ok(last?.role === 'tool');
      assert.equal(last.content[0]?.output.type, 'error-text');
      return last.content[0].output.value;
    };
    const asks: SessionUpdate = {
      sessionUpdate: 'permission_requested',
      requestId: 'q',
      toolCallId: 'a',
      detail: 'd',
      options: [],
    };
    const answers = (optionId: string | null): SessionUpdate => ({
      sessionUpdate: 'permission_answered',
      requestId: 'q',
      optionId,
    });
    assert.match(lastResult(), /was not started/);
    assert.match(lastResult(result('a', 'in_progress')), /how far it came is not known/);
    assert.match(lastResult(result('a', 'in_progress'), asks), /did not run/);
    assert.match(lastResult(result('a', 'in_progress'), asks, answers(null)), /did not run/);
    assert.match(lastResult(result('a', 'in_progress'), asks, answers('reject_once')), /did not run/);
    assert.match(lastResult(result('a', 'in_progress'), asks, answers('allow_once')), /how far it came is not known/);
  });

  it('send an empty object for arguments that are none', () => {
    const [, assistant] = messages(
      started('1'),
      user('u', 'a'),
      call('a', 's1', '{"broken'),
      result('a', 'failed', 'no JSON'),
    );
    assert.ok(assistant?.role === 'assistant' && assistant.content[0]?.type === 'tool-call');
    assert.deepEqual(assistant.content[0].input, {});
  });

  it('ask to go on only where the model or a broken-off turn had the last word', () => {
    const goOn = started('2');
    const lastText = (...updates: SessionUpdate[]) => {
      const last = messages(...updates, goOn).at(-1);
      return last?.role === 'user' ? last.content : last?.role;
    };
    const begin = [started('1'), user('u', 'do it')];
    assert.match(String(lastText(...begin, says('s', 'Half'), ended('1', 'failed'))), /^Please go on/);
    assert.match(
      String(lastText(...begin, ended('1', 'cancelled'))),
      /^do it\n\n\(I stopped the turn here\.\)\n\nPlease go on/,
    );
    assert.equal(lastText(...begin, ended('1', 'failed')), 'do it');
    assert.equal(lastText(...begin, call('a', 's'), result('a', 'completed', 'x'), ended('1', 'failed')), 'tool');
  });

  it('make one message of all that the person wrote in a row', () => {
    const [only, ...others] = messages(
      started('1'),
      user('u', 'one'),
      {
        sessionUpdate: 'user_message_chunk',
        messageId: 'u',
        content: { type: 'resource_link', name: 'a.ts', uri: 'file:///a.ts' },
      },
      {
        sessionUpdate: 'user_message_chunk',
        messageId: 'u',
        content: { type: 'resource', resource: { uri: 'file:///b', text: 'B' } },
      },
      ended('1', 'failed'),
      started('2'),
      user('v', 'two'),
    );
    assert.deepEqual(others, []);
    assert.equal(only?.content, 'one\n\n[a.ts](file:///a.ts)\n\n<file uri="file:///b">\nB\n</file>\n\ntwo');
  });

  it('always answer each call exactly once and right after it, wherever the events end', () => {
    const turn = (n: number) => [
      started(`${n}`),
      user(`u${n}`, 'x'),
      thinks(`s${n}`, 't'),
      says(`s${n}`, 'y'),
      call(`a${n}`, `s${n}`),
      call(`b${n}`, `s${n}`),
      result(`a${n}`, 'in_progress'),
      result(`a${n}`, 'completed', 'r'),
      result(`b${n}`, 'failed', 'r'),
      call(`c${n}`, `r${n}`),
      result(`c${n}`, 'completed', 'r'),
      says(`q${n}`, 'z'),
      ended(`${n}`),
    ];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 39 }), fc.boolean(), (count, goesOn) => {
        const updates = [...turn(1), ...turn(2), ...turn(3)].slice(0, count);
        const made = messages(...updates, ...(goesOn ? [ended('x', 'interrupted'), started('y')] : []));
        for (const [index, message] of made.entries()) {
          if (message.role !== 'assistant') continue;
          const called = message.content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []));
          const next = made[index + 1];
          const answered = next?.role === 'tool' ? next.content.map(({ toolCallId }) => toolCallId) : [];
          assert.deepEqual(answered, called);
        }
        const roles = made.map(({ role }) => role);
        assert.ok(roles.every((role, index) => role !== 'user' || roles[index - 1] !== 'user'));
        if (goesOn) assert.notEqual(roles.at(-1), 'assistant');
      }),
    );
  });
});
