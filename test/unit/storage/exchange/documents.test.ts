import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { Lexer } from 'marked';
import type { ContentBlock, SessionUpdate } from '../../../../server/protocol/sessionEvents.ts';
import { eventJson } from '../../../../server/src/storage/journalFormat.ts';
import { maxKeptChars } from '../../../../server/src/storage/recentEvents.ts';
import { encodeRecord } from '../../../../server/src/storage/recordCodec.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { openFilesUnder } from '../../../support/openFiles.ts';
import { turnUpdates } from '../../../support/writtenConversations.ts';
import { ExchangeWorld, type Format } from './exchangeWorld.ts';

const never = new AbortController().signal;
const text = (content: string): ContentBlock => ({ type: 'text', text: content });
const result = (toolCallId: string, output: string, rawOutput: object): SessionUpdate => ({
  sessionUpdate: 'tool_call_update',
  toolCallId,
  status: 'completed',
  content: [{ type: 'content', content: text(output) }],
  rawOutput,
});
const call = (toolCallId: string, title: string, rawInput: unknown): SessionUpdate => ({
  sessionUpdate: 'tool_call',
  toolCallId,
  title,
  kind: 'other',
  status: 'pending',
  rawInput,
});

interface Exported {
  readonly events: readonly { readonly update: Record<string, unknown> & { content?: unknown } }[];
  readonly leftOut: number;
}

describe('an exported conversation', function () {
  this.timeout(120_000);
  let world: ExchangeWorld;
  beforeEach(() => (world = new ExchangeWorld()));
  afterEach(async () => {
    await world.exchange.dispose();
    await world.fixture.close();
    assert.deepEqual(openFilesUnder(world.fixture.dataFolder), []);
    world.fixture.remove();
  });

  it('tells a person who said and did what, and when', async () => {
    const updates: SessionUpdate[] = [
      { sessionUpdate: 'session_info_update', title: 'Dates <b>& parsers' },
      { sessionUpdate: 'config_option_update', configId: 'persona', value: 'tester' },
      { sessionUpdate: 'turn_started', turnId: 't', model: 'ollama/test' },
      { sessionUpdate: 'user_message_chunk', messageId: 'u', content: text('Why does it fail?') },
      {
        sessionUpdate: 'user_message_chunk',
        messageId: 'u',
        content: { type: 'resource_link', name: 'shot', uri: 'file:///shot.png' },
      },
      { sessionUpdate: 'agent_thought_chunk', messageId: 'h', content: text('Look\nfirst') },
      { sessionUpdate: 'agent_message_chunk', messageId: 'a', content: text('I run ') },
      { sessionUpdate: 'agent_message_chunk', messageId: 'a', content: text('the *tests*.') },
      call('c', 'npm test', { command: 'npm test', cwd: '/p' }),
      {
        sessionUpdate: 'permission_requested',
        requestId: 'r',
        toolCallId: 'c',
        detail: 'npm test',
        options: [{ optionId: 'allow_once', name: 'Allow', kind: 'allow_once' }],
      },
      { sessionUpdate: 'permission_answered', requestId: 'r', optionId: 'allow_once' },
      result('c', `${'a'.repeat(9_000)}${'z'.repeat(9_000)}`, { exitCode: 1, durationMs: 1_234 }),
      call('e', 'Edit a.ts', { path: 'a.ts', edits: [{ oldText: 'one', newText: 'two\nthree' }] }),
      { sessionUpdate: 'tool_call_update', toolCallId: 'e', status: 'failed' },
      call('w', 'Write b.ts', { path: 'b.ts', content: '```\nwhole' }),
      call('s', 'Search', { query: 'x' }),
      {
        sessionUpdate: 'turn_ended',
        turnId: 't',
        stopReason: 'failed',
        error: { reason: 'X', message: 'No <model>.' },
      },
      { sessionUpdate: 'turn_started', turnId: 't2', model: 'ollama/other' },
      result('w', 'It ended later.', {}),
      { sessionUpdate: 'turn_ended', turnId: 't2', stopReason: 'end_turn' },
    ];
    const id = world.write(updates);
    const document = await world.exported(id, 'markdown');
    assert.equal(
      document
        .replaceAll(world.fixture.folder, '/folder')
        .replace(/a{5000}/, 'a…')
        .replace(/z{5000}/, '…z'),
      [
        '# Dates &lt;b>&amp; parsers',
        '',
        '- Begun 2026-05-04 09:30 UTC, last changed 2026-05-04 09:30 UTC',
        '- Folder `/folder`',
        '- Model `ollama/other`',
        '- Persona `tester`',
        `- Conversation \`${id}\``,
        '',
        '## You',
        '',
        '*2026-05-04 09:30 UTC*',
        '',
        'Why does it fail?',
        '',
        '*Image (not part of this document): shot* `file:///shot.png`',
        '',
        '## Agent',
        '',
        '*2026-05-04 09:30 UTC* · `tester` · `ollama/test`',
        '',
        '> *Thought*',
        '>',
        '> Look',
        '> first',
        '',
        'I run the *tests*.',
        '',
        '**Tool** `npm test` · exit code 1 · 1.2 s',
        '',
        '```sh',
        'npm test',
        '```',
        '',
        'In `/p`',
        '',
        '```text',
        'a…',
        '… 8000 characters are left out here …',
        '…z',
        '```',
        '',
        '*Asked for permission to run `npm test`: Allow*',
        '',
        '**Tool** `Edit a.ts` · failed',
        '',
        'File `a.ts`',
        '',
        '```diff',
        '@@',
        '-one',
        '+two',
        '+three',
        '```',
        '',
        '**Tool** `Write b.ts` · did not run',
        '',
        'File `b.ts`',
        '',
        '````text',
        '```',
        'whole',
        '````',
        '',
        '**Tool** `Search` · did not run',
        '',
        '```json',
        '{',
        '  "query": "x"',
        '}',
        '```',
        '',
        '*The turn ended early (failed): No &lt;model>.*',
        '',
        '## Agent',
        '',
        '*2026-05-04 09:30 UTC* · `tester` · `ollama/other`',
        '',
        '**Tool** `Write b.ts`',
        '',
        '```text',
        'It ended later.',
        '```',
        '',
      ].join('\n'),
    );
    assert.ok(Lexer.lex(document).every(({ type }) => type !== 'html'));
  });

  it('holds no character as JSON that a terminal would obey', async () => {
    const id = world.write(turnUpdates({ id: 'a', question: '\u001b[2J\u009b2J \u202e \u2028', answer: 'x' }));
    const exported = await world.exported(id);
    // eslint-disable-next-line no-control-regex -- these are what must not be there
    assert.doesNotMatch(exported, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2028]/);
    const { events } = JSON.parse(exported) as Exported;
    assert.deepEqual(events[1]?.update.content, text('\u001b[2J\u009b2J \u202e \u2028'));
  });

  for (const format of ['json', 'markdown'] satisfies Format[]) {
    it(`gives all of a conversation of which only a part is kept in memory, in pages and turns (${format})`, async () => {
      const chars = 200_000;
      const turns = 130;
      const kinds = ['word `code` <b> ', 'a line\n', '- `one`\n', '```\ncode\n```\n'];
      const answer = (turn: number): string => {
        const kind = kinds[turn % kinds.length] ?? '';
        return `<turn ${turn}> ${kind.repeat(chars / kind.length)}.`;
      };
      const updates = Array.from({ length: turns }, (_, turn) =>
        turnUpdates({ id: `${turn}`, question: 'Again?', answer: answer(turn) }),
      ).flat();
      const id = world.write(updates);
      assert.ok(turns * chars > 1.5 * maxKeptChars);
      // The first time, the code itself is still being compiled.
      await world.exported(id, format);
      const [exported, longestMs] = await longestTurn(() => world.exported(id, format));
      console.log(
        `      ${Math.round(exported.length / 1e6)} million characters, at most ${longestMs.toFixed(1)} ms at a stretch`,
      );
      for (let turn = 0; turn < turns; turn += 1)
        assert.ok(exported.includes(`turn ${turn}>`), `turn ${turn} is missing`);
      if (format === 'json') {
        const { events, leftOut } = JSON.parse(exported) as Exported;
        assert.deepEqual(
          events.map(({ update }) => update),
          updates,
        );
        assert.equal(leftOut, 0);
      }
      // 20 ms are aimed at, and printed above; a busy machine takes longer, and all of it at once far longer than this.
      assert.ok(longestMs < 200, `${longestMs} ms at a stretch`);
    });
  }

  it('joins what was streamed, however long the turn is', async () => {
    const chunks = Array.from({ length: 20_000 }, (_, index): SessionUpdate => ({
      sessionUpdate: 'agent_message_chunk',
      messageId: 'a',
      content: text(`${index} `),
    }));
    const exported = JSON.parse(await world.exported(world.write(chunks))) as Exported;
    assert.equal(exported.events.length, 1);
    assert.deepEqual(exported.events[0]?.update.content, text(chunks.map((_, index) => `${index} `).join('')));
  });

  it('is what it was when the export began, although the conversation goes on', async () => {
    const updates = turnUpdates({ id: 'a', question: 'x'.repeat(1_000_000), answer: 'y'.repeat(1_000_000) });
    const sessionId = world.write(updates);
    const whole = await world.exported(sessionId);
    const first = await world.exchange.export({ sessionId, format: 'json' }, never);
    const more = eventJson(updates.length + 1, 1, '{"sessionUpdate":"session_info_update","title":"New"}', 1);
    appendFileSync(world.journalOf(sessionId), encodeRecord(more));
    let [content, cursor] = [first.content, first.nextCursor];
    assert.ok(cursor !== undefined);
    while (cursor !== undefined) {
      const page = await world.exchange.export({ sessionId, format: 'json', cursor }, never);
      content += page.content;
      cursor = page.nextCursor;
    }
    assert.equal(content, whole);
    assert.match(await world.exported(sessionId), /"title":"New"/);
  });

  it('says how many places could not be read', async () => {
    const sessionId = world.write(turnUpdates({ id: 'a', question: 'Why?', answer: 'So.' }));
    appendFileSync(world.journalOf(sessionId), 'damage\n');
    const later = '{"sessionUpdate":"from_next_year"}';
    for (const [sequence, json] of [
      [5, later],
      [6, '{"sessionUpdate":"session_info_update","title":"T"}'],
    ] as const) {
      appendFileSync(world.journalOf(sessionId), encodeRecord(eventJson(sequence, 1, json, 1)));
    }
    assert.equal((JSON.parse(await world.exported(sessionId)) as Exported).leftOut, 2);
    assert.match(await world.exported(sessionId, 'markdown'), /left out: 2\.\*\n$/);
  });

  it('is given up when nobody goes on with it, or too many are begun, and a page comes once', async () => {
    const clock = new FakeClock();
    const other = new ExchangeWorld({ clock });
    try {
      const sessionId = other.write(
        turnUpdates({ id: 'a', question: 'x'.repeat(1_000_000), answer: 'y'.repeat(500_000) }),
      );
      const begin = async (): Promise<string> =>
        (await other.exchange.export({ sessionId, format: 'json' }, never)).nextCursor ?? assert.fail();
      const goOn = (cursor: string) => other.exchange.export({ sessionId, format: 'json', cursor }, never);
      const cursors: string[] = [];
      for (let count = 0; count < 9; count += 1) cursors.push(await begin());
      await assert.rejects(goOn(cursors[0] ?? ''), { reason: 'NotFound' });
      await goOn(cursors[1] ?? '');
      await assert.rejects(goOn(cursors[1] ?? ''), { reason: 'NotFound' });
      clock.advance(61_000);
      await assert.rejects(goOn(cursors[8] ?? ''), { reason: 'NotFound' });
      const gone = AbortSignal.abort(new Error('gone'));
      await assert.rejects(other.exchange.export({ sessionId, format: 'json' }, gone), /gone/);
      assert.equal(clock.pending, 0);
      await other.exchange.dispose();
      assert.deepEqual(openFilesUnder(other.fixture.dataFolder), []);
    } finally {
      await other.dispose();
    }
  });

  it('of a conversation that is not there is refused', async () => {
    await assert.rejects(world.exported('no-such-conversation' as never), { reason: 'NotFound' });
    await assert.rejects(world.exported('../../etc' as never), { reason: 'NotFound' });
  });
});

/** Does `work`, and answers for how many milliseconds of the processor it worked at a stretch: others wait so long. */
async function longestTurn<T>(work: () => Promise<T>): Promise<[T, number]> {
  let [longest, isDone] = [0, false];
  let last = process.threadCpuUsage();
  const watch = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    longest = Math.max(longest, user + system);
    last = process.threadCpuUsage();
    if (!isDone) setImmediate(watch);
  };
  setImmediate(watch);
  const result = await work();
  isDone = true;
  return [result, longest / 1_000];
}
