import type { ResultOf } from '../../server/protocol/contract.ts';
import type { ConversationId, SessionEvent, SessionUpdate } from '../../server/protocol/sessionEvents.ts';
import type { TerminalId, TerminalInfo } from '../../server/protocol/terminal.ts';
import type { ScriptedHost } from './scriptedHost.ts';

export const sessionId = 'conversation-1' as ConversationId;
export const terminalId = 'terminal-1' as TerminalId;

const startedAt = Date.UTC(2026, 0, 5, 9, 30);

/** Numbers updates as the events of a conversation, a second apart. */
export function eventsOf(updates: readonly SessionUpdate[], firstSequence = 1): SessionEvent[] {
  return updates.map((update, index) => ({
    sequence: firstSequence + index,
    at: startedAt + (firstSequence + index) * 1000,
    update,
  }));
}

export const user = (text: string, messageId = 'u1'): SessionUpdate => ({
  sessionUpdate: 'user_message_chunk',
  messageId,
  content: { type: 'text', text },
});

export const agent = (text: string, messageId = 'a1'): SessionUpdate => ({
  sessionUpdate: 'agent_message_chunk',
  messageId,
  content: { type: 'text', text },
});

export const thought = (text: string, messageId = 't1'): SessionUpdate => ({
  sessionUpdate: 'agent_thought_chunk',
  messageId,
  content: { type: 'text', text },
});

export const turnStarted = (turnId = 'turn1'): SessionUpdate => ({
  sessionUpdate: 'turn_started',
  turnId,
  model: 'openai/gpt-5',
});

export const turnEnded = (
  stopReason: Extract<SessionUpdate, { sessionUpdate: 'turn_ended' }>['stopReason'],
  error?: { reason: string; message: string },
): SessionUpdate => ({
  sessionUpdate: 'turn_ended',
  turnId: 'turn1',
  stopReason,
  ...(error === undefined ? {} : { error }),
});

export const commandCall = (toolCallId: string, command: string): SessionUpdate => ({
  sessionUpdate: 'tool_call',
  toolCallId,
  title: command,
  kind: 'execute',
  status: 'pending',
  rawInput: { command },
});

export const permissionAsked = (toolCallId: string, detail: string, requestId = 'q1'): SessionUpdate => ({
  sessionUpdate: 'permission_requested',
  requestId,
  toolCallId,
  detail,
  options: [
    { optionId: 'allow', name: 'Allow once', kind: 'allow_once' },
    { optionId: 'always', name: 'Allow for this conversation', kind: 'allow_always' },
    { optionId: 'deny', name: 'Deny', kind: 'reject_once' },
  ],
});

export const commandRunning = (toolCallId: string): SessionUpdate => ({
  sessionUpdate: 'tool_call_update',
  toolCallId,
  status: 'in_progress',
  content: [{ type: 'terminal', terminalId }],
});

export const commandEnded = (toolCallId: string, output: string, exitCode = 0): SessionUpdate => ({
  sessionUpdate: 'tool_call_update',
  toolCallId,
  status: exitCode === 0 ? 'completed' : 'failed',
  content: [{ type: 'content', content: { type: 'text', text: output } }],
  rawOutput: { exitCode, durationMs: 2345 },
});

/** What `session/attach` answers for a conversation with these events. */
export function attached(
  events: readonly SessionEvent[],
  changes: Partial<ResultOf<'session/attach'>> = {},
): ResultOf<'session/attach'> {
  return {
    sessionId,
    title: 'Run the tests',
    cwd: '/project',
    access: 'write',
    running: false,
    isSnapshot: true,
    hasEarlier: false,
    sequence: events.at(-1)?.sequence ?? 0,
    events: [...events],
    configOptions: [],
    ...changes,
  };
}

export function terminalInfo(changes: Partial<TerminalInfo> = {}): TerminalInfo {
  return {
    sessionId: terminalId,
    pid: 4711,
    name: 'bash',
    shell: '/bin/bash',
    cwd: '/project',
    cols: 80,
    rows: 24,
    owner: { kind: 'person' },
    createdAt: startedAt,
    status: 'active',
    producedBytes: 0,
    hasShellIntegration: false,
    currentFolder: '/project',
    ...changes,
  };
}

/** A host with one provider, three models and no conversation. */
export function withModels(host: ScriptedHost): ScriptedHost {
  return host
    .answer('model/list', () => ({
      models: [
        { id: 'openai/gpt-5', name: 'gpt-5', provider: 'OpenAI', contextTokens: 400_000 },
        { id: 'openai/gpt-5-mini', name: 'gpt-5-mini', provider: 'OpenAI', contextTokens: 400_000 },
        { id: 'ollama/qwen3-coder', name: 'qwen3-coder', provider: 'Ollama', contextTokens: 32_768 },
      ],
      defaultModel: 'openai/gpt-5',
    }))
    .answer('model/status', () => ({ providers: [{ id: 'openai', name: 'OpenAI', status: 'ready' }] }))
    .answer('session/detach', () => ({}))
    .answer('session/list', () => ({ sessions: [] }));
}

/** Updates that show nearly everything that a conversation can hold. */
export const richUpdates: readonly SessionUpdate[] = [
  user('Run the tests and tell me what fails. The parser has been flaky since the last merge, so look there first.'),
  turnStarted(),
  thought('The person wants the test results. I should look at package.json first to find the test command.'),
  agent("I'll look at how the tests are run.\n", 'a0'),
  {
    sessionUpdate: 'tool_call',
    toolCallId: 'c0',
    title: 'Read package.json',
    kind: 'read',
    status: 'completed',
    rawInput: { path: 'package.json' },
    content: [{ type: 'content', content: { type: 'text', text: '{ "scripts": { "test": "mocha" } }' } }],
    locations: [{ path: 'package.json', line: 1 }],
  },
  {
    sessionUpdate: 'tool_call',
    toolCallId: 'c1',
    title: 'Search for "parseHeader" in src/parser and everything below it, which is a long title for a narrow panel',
    kind: 'search',
    status: 'failed',
    rawInput: { query: 'parseHeader' },
    content: [{ type: 'content', content: { type: 'text', text: 'The folder src/parser does not exist.' } }],
  },
  commandCall('c2', 'npm test -- --reporter dot'),
  permissionAsked('c2', 'npm test -- --reporter dot\n\nin /project'),
  { sessionUpdate: 'permission_answered', requestId: 'q1', optionId: 'allow' },
  commandRunning('c2'),
  commandEnded(
    'c2',
    Array.from({ length: 40 }, (_, line) => `  ${line % 7 === 3 ? '1) fails' : '✓ passes'} case ${line}`).join('\n'),
    1,
  ),
  agent(
    [
      '## Two tests fail',
      '',
      'Both are in the **parser**, see [parser.test.ts](test/parser.test.ts:42) and `src/parser.ts:118`:',
      '',
      '1. `parses an empty header` – expects `null`, gets `undefined`',
      '2. `keeps the order of fields`',
      '   - only on Node 24',
      '   - see the [release notes](https://nodejs.org/en/blog)',
      '',
      '```ts',
      'export function parseHeader(line: string): Header | null {',
      "  const [name, value] = line.split(':', 2); // a rather long comment that has to scroll in a narrow panel",
      '  return name === undefined ? null : { name, value };',
      '}',
      '```',
      '',
      '| file | passed | failed |',
      '| --- | ---: | ---: |',
      '| parser.test.ts | 12 | 2 |',
      '| lexer.test.ts | 30 | 0 |',
      '',
      '> The lexer itself is fine.',
      '',
      '- [x] run the tests',
      '- [ ] mend `parseHeader`',
    ].join('\n'),
  ),
  { sessionUpdate: 'usage_update', used: 18_250, size: 400_000, turn: { inputTokens: 17_400, outputTokens: 850 } },
  turnEnded('end_turn'),
];
