import assert from 'node:assert/strict';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { CodedError } from '../../../../server/protocol/errors.ts';
import { openFilesUnder } from '../../../support/openFiles.ts';
import { turnUpdates } from '../../../support/writtenConversations.ts';
import { ExchangeWorld } from './exchangeWorld.ts';

const never = new AbortController().signal;

describe('an import of something hostile', function () {
  this.timeout(60_000);
  let world: ExchangeWorld;
  let good: Record<string, unknown>;
  let before: string[];
  beforeEach(async () => {
    world = new ExchangeWorld();
    const exported = await world.exported(world.write(turnUpdates({ id: 'a', question: 'Why?', answer: 'So.' })));
    good = JSON.parse(exported) as Record<string, unknown>;
    before = world.files();
  });
  afterEach(async () => {
    await world.exchange.dispose();
    await world.fixture.close();
    assert.deepEqual(openFilesUnder(world.fixture.dataFolder), []);
    world.fixture.remove();
  });

  async function refused(content: string): Promise<CodedError> {
    try {
      await world.exchange.import({ content, isPart: false }, never);
    } catch (error) {
      assert.ok(error instanceof CodedError, `not told in words: ${String(error)}`);
      assert.match(error.message, /^Nothing was imported: .+\.$/s);
      assert.deepEqual(world.files(), before, 'something was written');
      return error;
    }
    assert.fail('it was imported');
  }

  const event = (update: object, at: unknown = 1) => JSON.stringify({ ...good, events: [{ at, update }] });
  const said = { sessionUpdate: 'user_message_chunk', messageId: 'm', content: { type: 'text', text: 'x' } };

  it('is refused in words, whatever text it is, and nothing is written', async () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.jsonValue().map((events) => JSON.stringify({ ...good, events })),
      fc.array(fc.jsonValue(), { minLength: 1 }).map((events) => JSON.stringify({ ...good, events })),
      fc.tuple(fc.constantFrom(...Object.keys(good)), fc.jsonValue()).map(([key, value]) => {
        // A number is a good time and a word a good title, so each gets what it cannot be.
        return JSON.stringify({ ...good, [key]: [value] });
      }),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        if (text === JSON.stringify({ ...good, events: [] })) return;
        assert.equal((await refused(text)).reason, 'InvalidParams');
      }),
      { numRuns: 300 },
    );
  });

  it('is refused where it was cut anywhere', async () => {
    const whole = JSON.stringify(good);
    for (let length = 0; length < whole.length; length += 7) await refused(whole.slice(0, length));
    await refused(`${whole} x`);
    await refused(`${whole}${whole}`);
    await refused(whole.replace('"events":', '"events":[],"events":'));
  });

  it('takes a moment however many blanks stand in it', async () => {
    const blanks = ' '.repeat(60_000);
    const began = performance.now();
    const title = `a${blanks}b`;
    await refused(JSON.stringify({ ...good, title, events: [{ at: 'now' }] }));
    assert.ok(performance.now() - began < 1_000);
  });

  it('says which event is wrong, and how', async () => {
    const wrong = event({ ...said, content: { type: 'image', data: 'x' } });
    assert.match((await refused(wrong)).message, /event 1 is not as .* at update\.content\.type/);
    assert.match((await refused(event({ sessionUpdate: 'next_year' }))).message, /event 1 .*update\.sessionUpdate/);
    assert.match((await refused(event(said, 'now'))).message, /event 1 .* at at: /);
    assert.match((await refused(event(said, 1e300))).message, /event 1 .* at at: /);
    const other = JSON.stringify({ ...good, events: [{ at: 1, update: said, sequence: 7 }] });
    assert.match((await refused(other)).message, /sequence/);
    assert.match((await refused(JSON.stringify({ ...good, conversationId: '../../x' }))).message, /conversationId/);
  });

  it('says so where a newer version has exported it', async () => {
    const newer = await refused(JSON.stringify({ ...good, version: 2, more: { than: 'we know' } }));
    assert.deepEqual([newer.reason, newer.args], ['Unsupported', { version: 2 }]);
    assert.match(newer.message, /Update this program first/);
  });

  it('never goes deep, grows large, or reaches a prototype', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const [head = ''] = JSON.stringify(good).split(',"events"');
    assert.match((await refused(`${head},"events":[${deep}]}`)).message, /nested deeper than 100 levels/);
    assert.match((await refused(deep)).message, /nested deeper/);
    const large = `${head},"events":[{"at":1,"update":${JSON.stringify({ ...said, messageId: 'x'.repeat(9_000_000) })}`;
    assert.equal((await refused(large)).reason, 'TooLarge');
    assert.match((await refused(`{"title":"${'x'.repeat(100_000)}`)).message, /not a whole conversation/);
    for (const key of ['__proto__', '\\u005f_proto__']) {
      const poisoned = event({ ...said, more: [{ KEY: { polluted: true } }] }).replace('KEY', key);
      assert.match((await refused(poisoned)).message, /event 1 has a key "__proto__"/);
    }
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  });

  it('is told to the audit log by its id alone, and not where nothing came in', async () => {
    const good = await world.exported(world.write([{ sessionUpdate: 'session_info_update', title: 'canaryTitle' }]));
    await assert.rejects(world.import(good.slice(0, -2)));
    assert.deepEqual(world.audit.events, []);
    const { sessionId } = await world.import(good);
    assert.deepEqual(world.audit.events, [{ kind: 'conversation.imported', details: { conversationId: sessionId } }]);
  });

  it('never takes the place of a conversation that is there', async () => {
    const taken = JSON.stringify({ ...good, title: '\u001b]0;x\u0007 \u202e' });
    const { sessionId } = await world.import(taken);
    assert.notEqual(sessionId, good['conversationId']);
    assert.equal(world.files().length, before.length + 1);
  });

  it('names a folder that is there, or none', async () => {
    for (const cwd of ['relative', '/no/such/folder', world.journalOf(good['conversationId'] as never)]) {
      await assert.rejects(world.import(JSON.stringify(good), cwd), { reason: 'InvalidCwd' });
    }
    const nowhere = new ExchangeWorld({ folders: [] });
    await assert.rejects(nowhere.import(JSON.stringify(good)), { reason: 'InvalidCwd' });
    const { sessionId } = await nowhere.import(JSON.stringify(good), nowhere.fixture.folder);
    assert.equal((await nowhere.eventsOf(sessionId)).length, (good['events'] as unknown[]).length);
    await nowhere.dispose();
  });

  it('leaves nothing when it is not gone on with, nor after a crash in the middle', async () => {
    const content = JSON.stringify(good).slice(0, -10);
    const result = await world.exchange.import({ content, isPart: true }, never);
    assert.ok('nextCursor' in result);
    assert.equal(world.files().length, before.length + 1);
    await world.exchange.dispose();
    assert.deepEqual(world.files(), before);
    await assert.rejects(
      world.exchange.import({ content: ']}', isPart: false, cursor: result.nextCursor }, never),
      (error: CodedError) => error.reason === 'NotFound' && error.message.includes('Begin it anew'),
    );
    const stage = path.join(world.fixture.dataFolder, 'imports');
    mkdirSync(stage, { recursive: true });
    const [old, young] = ['old.journal.tmp', 'young.journal.tmp'].map((name) => path.join(stage, name)) as [
      string,
      string,
    ];
    for (const file of [old, young]) writeFileSync(file, 'half');
    utimesSync(old, 1, 1);
    await world.import(JSON.stringify(good));
    assert.deepEqual(
      world.files().filter((name) => name.startsWith('imports')),
      [path.join('imports', 'young.journal.tmp')],
    );
  });

  it('ends when its caller goes away', async () => {
    const gone = AbortSignal.abort(new CodedError('Cancelled', 'Gone.'));
    await assert.rejects(world.exchange.import({ content: JSON.stringify(good), isPart: false }, gone), {
      reason: 'Cancelled',
    });
    assert.deepEqual(world.files(), before);
  });
});
