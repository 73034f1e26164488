import assert from 'node:assert/strict';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { pastCommands } from '../../../server/src/agents/pastCommands.ts';

const text = (value: string) => ({ type: 'content' as const, content: { type: 'text' as const, text: value } });

function eventsOf(updates: readonly SessionUpdate[]): SessionEvent[] {
  return updates.map((update, index) => ({ sequence: index + 1, at: index, update }));
}

function call(toolCallId: string, command: string, toolName = 'run_command'): SessionUpdate {
  const shown = { title: command, kind: 'execute', status: 'pending', rawInput: { command } } as const;
  return { sessionUpdate: 'tool_call', toolCallId, toolName, ...shown };
}

function ended(toolCallId: string, output: string, rawOutput: object): SessionUpdate {
  return { sessionUpdate: 'tool_call_update', toolCallId, status: 'completed', content: [text(output)], rawOutput };
}

describe('The past commands of a conversation', () => {
  it('are those that have ended, in the order in which they were asked for, with output and end', () => {
    const events = eventsOf([
      call('1', 'npm test'),
      call('2', 'sleep 9'),
      { sessionUpdate: 'tool_call_update', toolCallId: '1', status: 'in_progress' },
      ended('2', '', { exitCode: null, signal: 15 }),
      ended('1', '3 passing\n', { exitCode: 0, durationMs: 7 }),
    ]);
    assert.deepEqual(pastCommands(events, 20), [
      { commandLine: 'npm test', output: '3 passing\n', exitCode: 0 },
      { commandLine: 'sleep 9', output: '', exitCode: null, signal: 15 },
    ]);
  });

  it('are read from a call that a snapshot has folded, too', () => {
    const folded = { ...call('1', 'ls'), status: 'failed', content: [text('a')], rawOutput: { exitCode: 2 } };
    assert.deepEqual(pastCommands(eventsOf([folded as SessionUpdate]), 20), [
      { commandLine: 'ls', output: 'a', exitCode: 2 },
    ]);
  });

  it('leave out what still runs, what was refused, and other tools', () => {
    const events = eventsOf([
      call('running', 'sleep 9'),
      call('refused', 'rm -rf /'),
      { sessionUpdate: 'tool_call_update', toolCallId: 'refused', status: 'failed', content: [text('No.')] },
      call('other', 'read', 'read_file'),
      ended('other', 'text', { exitCode: 0 }),
    ]);
    assert.deepEqual(pastCommands(events, 20), []);
  });

  it('are the last ones that were asked for, and no more than have room', () => {
    const output = 'x'.repeat(200_000);
    const updates = ['1', '2', '3', '4'].flatMap((id) => [
      call(id, `command ${id}`),
      ended(id, output, { exitCode: 0 }),
    ]);
    const lines = (limit: number) => pastCommands(eventsOf(updates), limit).map(({ commandLine }) => commandLine);
    assert.deepEqual(lines(1), ['command 4']);
    assert.deepEqual(lines(20), ['command 3', 'command 4']);
  });
});
