import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { nodeFileSystem } from '../../../server/src/base/fileSystem.ts';
import { dayOf } from '../../../server/src/storage/index/indexDatabase.ts';
import type { IndexEngine } from '../../../server/src/storage/index/indexEngine.ts';
import { eventJson, leaseJson } from '../../../server/src/storage/journalFormat.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { journalBytes, turnUpdates, writeConversations } from '../../support/writtenConversations.ts';
import { contentOf, IndexFixture, loadSqlJs } from './indexFixture.ts';
import { message } from './storageFixture.ts';

const user = (text: string, messageId = 'm'): SessionUpdate => ({ ...message(text), messageId });
const title = (text: string): SessionUpdate => ({ sessionUpdate: 'session_info_update', title: text });

describe('index engine', () => {
  let fixture: IndexFixture;
  before(loadSqlJs);
  beforeEach(() => (fixture = new IndexFixture()));
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  const write = (...conversations: SessionUpdate[][]) =>
    writeConversations(
      fixture.dataFolder,
      fixture.folder,
      conversations.map((updates, index) => ({ updates, modifiedAt: 1_700_000_000_000 + index * 60_000 })),
    );
  const snippets = (engine: IndexEngine, query: string): string[] =>
    engine.search(query, 50, undefined).map(({ kind, snippet }) => `${kind}: ${snippet}`);

  it('finds messages, command lines, file names and titles, the latest first', async () => {
    write(
      turnUpdates({
        id: 'a',
        question: 'Why is the gizmo slow?',
        answer: 'A loop.',
        command: 'npm run gizmo -- --all',
      }),
      [
        ...turnUpdates({ id: 'b', question: 'Other', answer: 'The Gizmo!', file: '/p/src/gizmo.test.ts' }),
        title('Gizmos'),
      ],
    );
    const engine = await fixture.caughtUp();
    assert.deepEqual(snippets(engine, 'gizmo'), [
      'file: /p/src/gizmo.test.ts',
      'title: Gizmos',
      'agent: The Gizmo!',
      'command: npm run gizmo -- --all',
      'user: Why is the gizmo slow?',
    ]);
    assert.deepEqual(snippets(engine, 'gizmo slow'), ['user: Why is the gizmo slow?']);
    assert.deepEqual(snippets(engine, '"src gizmo"'), ['file: /p/src/gizmo.test.ts']);
    const [hit] = engine.search('loop', 5, undefined);
    assert.deepEqual(
      [hit?.snippet.slice(hit.highlights[0]?.start, hit.highlights[0]?.end), hit?.sequence, hit?.conversation.title],
      ['loop', 4, 'Why is the gizmo slow?'],
    );
  });

  it('passes over what somebody wrote who had lost the lease, as the journal does', async () => {
    const { ids, folder } = write([user('first')]);
    const file = path.join(folder, `${ids[0] ?? ''}.journal`);
    const event = (sequence: number, text: string, epoch: number) =>
      encodeRecord(eventJson(sequence, 1_700_000_000_000, JSON.stringify(user(text, `m${sequence}`)), epoch));
    fs.appendFileSync(file, encodeRecord(leaseJson(3, undefined, 1)));
    const engine = await fixture.caughtUp();
    for (const record of [event(2, 'stale', 2), event(2, 'second', 3), event(3, 'stale', 2)]) {
      fs.appendFileSync(file, record);
      await engine.catchUp(() => undefined);
    }
    assert.deepEqual([snippets(engine, 'stale'), snippets(engine, 'second')], [[], ['user: second']]);
    assert.deepEqual(snippets(await fixture.caughtUp(), 'stale'), []);
  });

  it('finds words without their accents, in any case, and ideographs wherever they stand', async () => {
    write([user('Die Größe der Überschrift'), user('東京の天気を調べて', 'n')]);
    const engine = await fixture.caughtUp();
    assert.equal(snippets(engine, 'uberschrift').length, 1);
    assert.deepEqual(snippets(engine, '天気'), ['user: 東京の天気を調べて']);
    assert.deepEqual(snippets(engine, '気天'), []);
  });

  it('knows title, model, persona, tokens, price and state of each conversation', async () => {
    const at = Date.UTC(2026, 0, 31, 12);
    const { workspace, ids } = writeConversations(fixture.dataFolder, fixture.folder, [
      {
        at,
        updates: [
          { sessionUpdate: 'config_option_update', configId: 'persona', value: 'reviewer' },
          ...turnUpdates({
            id: 'a',
            question: 'One',
            answer: 'x',
            model: 'openai/large',
            tokens: { inputTokens: 100, outputTokens: 7 },
          }),
          { sessionUpdate: 'turn_started', turnId: 'b', model: 'ollama/small' },
          { sessionUpdate: 'usage_update', used: 1, turn: { inputTokens: 10, outputTokens: 1 } },
          {
            sessionUpdate: 'usage_update',
            used: 1,
            turn: { inputTokens: 30, outputTokens: 2 },
            cost: { amount: 0.5, currency: 'USD' },
          },
        ],
      },
    ]);
    const engine = await fixture.caughtUp();
    const known = {
      conversationId: ids[0],
      workspace,
      cwd: fixture.folder,
      createdAt: at,
      updatedAt: at + 8_000,
      title: 'One',
      persona: 'reviewer',
      model: 'ollama/small',
      inputTokens: 130,
      outputTokens: 9,
      cost: 0.5,
      state: 'running',
    };
    assert.deepEqual(engine.conversations(), [known]);
    const large = { turns: 1, inputTokens: 100, outputTokens: 7, cost: 0 };
    const small = { turns: 1, inputTokens: 30, outputTokens: 2, cost: 0.5 };
    const total = { turns: 2, inputTokens: 130, outputTokens: 9, cost: 0.5 };
    assert.deepEqual(engine.usage({ fromDay: dayOf(at), toDay: dayOf(at), workspace }), {
      total,
      byDay: [{ key: dayOf(at), ...total }],
      byModel: [
        { key: 'ollama/small', ...small },
        { key: 'openai/large', ...large },
      ],
      byPersona: [{ key: 'reviewer', ...total }],
    });
    assert.equal(engine.usage({ fromDay: '2026-02-02', toDay: '9999', workspace }).total.turns, 0);
    assert.equal(engine.usage({ fromDay: '0000', toDay: '9999', workspace: 'elsewhere' }).total.turns, 0);
  });

  it('reads only what was appended, and a message that went on is found as one', async () => {
    const { folder, ids } = write([user('the beginning of a mess')]);
    const file = path.join(folder, `${ids[0]}.journal`);
    const engine = await fixture.caughtUp();
    const append = (sequence: number, update: SessionUpdate): void =>
      fs.appendFileSync(file, encodeRecord(JSON.stringify({ sequence, at: Date.now(), update })));
    append(2, user('age that goes on'));
    let readFrom = Infinity;
    const counting = await fixture.engine({
      fileSystem: {
        ...nodeFileSystem,
        async open(opened, mode) {
          const open = await nodeFileSystem.open(opened, mode);
          const read: typeof open.read = (into, position) => {
            if (opened === file) readFrom = Math.min(readFrom, position);
            return open.read(into, position);
          };
          return { ...open, read };
        },
      },
    });
    await counting.catchUp(() => undefined);
    assert.equal(readFrom, 0);
    const sizeBytes = fs.statSync(file).size;
    readFrom = Infinity;
    append(3, user('another', 'n'));
    await counting.catchUp(() => undefined);
    assert.ok(readFrom >= sizeBytes - 256, `read from ${readFrom} of ${sizeBytes}`);
    readFrom = Infinity;
    await counting.catchUp(() => undefined);
    assert.equal(readFrom, Infinity);
    const changes = await engine.catchUp(() => undefined);
    assert.equal(changes.upserted.length, 1);
    assert.deepEqual(snippets(engine, 'message'), ['user: the beginning of a message that goes on']);
  });

  it('folds a journal anew that was replaced, cut back or damaged since, and forgets one that is gone', async () => {
    const { folder, ids, workspace } = write([user('first words')], [user('second words')], [user('third words')]);
    const files = ids.map((id) => path.join(folder, `${id}.journal`));
    const engine = await fixture.caughtUp();
    const other = { updates: [user('replaced by something longer than it was'), user('more', 'n')] };
    fs.writeFileSync(files[0]!, journalBytes(ids[0]!, fixture.folder, other));
    fs.writeFileSync(files[1]!, journalBytes(ids[1]!, fixture.folder, { updates: [] }));
    fs.rmSync(files[2]!);
    const changes = await engine.catchUp(() => undefined);
    assert.deepEqual(changes.removed, [{ workspace, conversationId: ids[2] }]);
    assert.deepEqual(snippets(engine, 'words'), []);
    assert.deepEqual(snippets(engine, 'replaced'), ['user: replaced by something longer than it was']);
    assert.equal(engine.conversations().length, 2);
    const bytes = fs.readFileSync(files[0]!);
    bytes[bytes.indexOf('replaced')] = 0x58;
    fs.writeFileSync(files[0]!, bytes);
    await engine.catchUp(() => undefined);
    assert.deepEqual([snippets(engine, 'replaced'), snippets(engine, 'more')], [[], ['user: more']]);
  });

  it('leaves journals out that cannot be read, and takes them in once they can', async () => {
    const { folder, ids } = write([user('good words')], [user('bad words')]);
    const file = path.join(folder, `${ids[1]}.journal`);
    const good = fs.readFileSync(file);
    fs.writeFileSync(file, 'no journal\n');
    fs.writeFileSync(path.join(folder, 'another-file.txt'), 'x');
    const engine = await fixture.caughtUp();
    assert.deepEqual(snippets(engine, 'words'), ['user: good words']);
    assert.equal(fs.readFileSync(file, 'utf8'), 'no journal\n');
    fs.writeFileSync(file, good);
    await engine.catchUp(() => undefined);
    assert.equal(snippets(engine, 'words').length, 2);
  });

  it('gives after saving and opening what it gave before, and reads no journal again', async () => {
    write(turnUpdates({ id: 'a', question: 'Where is it?', answer: 'There.' }), [title('Named')]);
    const engine = await fixture.caughtUp();
    await engine.save(() => undefined);
    assert.equal(engine.isDirty, false);
    assert.deepEqual(snippets(engine, 'there'), ['agent: There.']);
    const again = await fixture.caughtUp();
    assert.deepEqual([again.startedFrom, again.isDirty], ['saved', false]);
    assert.deepEqual(contentOf(again, ['where', 'named']), contentOf(engine, ['where', 'named']));
    assert.equal(fs.statSync(path.join(fixture.dataFolder, 'index.sqlite')).mode & 0o777, 0o600);
    assert.deepEqual(fs.readdirSync(fixture.dataFolder).sort(), ['conversations', 'index.sqlite']);
  });

  it('builds an index of another schema version anew', async () => {
    write([user('words')]);
    const file = path.join(fixture.dataFolder, 'index.sqlite');
    const engine = await fixture.caughtUp();
    await engine.save(() => undefined);
    const sqlJs = await loadSqlJs();
    const former = new sqlJs.Database(fs.readFileSync(file));
    former.run('PRAGMA user_version = 4711');
    const { saveIndexFile } = await import('../../../server/src/storage/index/indexFile.ts');
    await saveIndexFile(fixture.dataFolder, former.export(), { fileSystem: nodeFileSystem, keepFormer: false });
    former.close();
    const again = await fixture.caughtUp();
    assert.equal(again.startedFrom, 'otherVersion');
    assert.deepEqual(snippets(again, 'words'), ['user: words']);
  });

  it('takes any bytes for a damaged index, builds it anew, and keeps one such file aside', async () => {
    write([user('words')]);
    const file = path.join(fixture.dataFolder, 'index.sqlite');
    await (await fixture.caughtUp()).save(() => undefined);
    const saved = fs.readFileSync(file);
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 5_000 }).map((bytes) => Buffer.from(bytes)),
      fc.nat(saved.length).map((length) => saved.subarray(0, length)),
      fc.tuple(fc.nat(saved.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
        const bytes = Buffer.from(saved);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        return bytes;
      }),
    );
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        if (bytes.equals(saved)) return;
        fs.rmSync(`${file}.damaged`, { force: true });
        fs.writeFileSync(file, bytes);
        const engine = await fixture.caughtUp();
        assert.deepEqual(snippets(engine, 'words'), ['user: words']);
        assert.deepEqual(fs.readFileSync(file), bytes);
        await engine.save(() => undefined);
        const isSame = engine.startedFrom === 'saved';
        assert.ok(isSame);
        // A change in the few bytes that carry no meaning is no damage.
        if (fs.existsSync(`${file}.damaged`)) assert.deepEqual(fs.readFileSync(`${file}.damaged`), bytes);
        else assert.deepEqual(bytes.subarray(0, -16), saved.subarray(0, -16));
        engine.close();
      }),
      { numRuns: 60 },
    );
  });

  it('knows the same whether it followed random journals step by step or was built at the end', async () => {
    const word = fc.constantFrom('alpha', 'beta', 'gamma', '漢字', 'delta-7');
    const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((all) => all.join(' '));
    const update: fc.Arbitrary<SessionUpdate> = fc.oneof(
      fc.tuple(words, fc.constantFrom('m', 'n')).map(([text, id]) => user(text, id)),
      words.map((text): SessionUpdate => ({ ...user(text), sessionUpdate: 'agent_message_chunk' }) as SessionUpdate),
      words.map(title),
      words.map((text) => turnUpdates({ id: 'a', question: '', answer: '', command: text, file: text })[2]!),
      fc
        .constantFrom('a/b', 'c/d')
        .map((model): SessionUpdate => ({ sessionUpdate: 'turn_started', turnId: 't', model })),
      fc.nat(50).map((count): SessionUpdate => ({
        sessionUpdate: 'usage_update',
        used: 1,
        turn: { inputTokens: count, outputTokens: count },
      })),
    );
    const step = fc.record({ journal: fc.nat(3), updates: fc.array(update, { maxLength: 5 }), drop: fc.nat(9) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const run = new IndexFixture();
        try {
          const journals = new Map<number, SessionUpdate[]>();
          const follower = await run.caughtUp();
          for (const { journal, updates, drop } of steps) {
            const id = `conversation-${journal}`;
            const all = [...(journals.get(journal) ?? []), ...updates];
            const { folder } = writeConversations(run.dataFolder, run.folder, [{ id, updates: all, at: 1_000 }]);
            journals.set(journal, all);
            if (drop === 0) {
              fs.rmSync(path.join(folder, `${id}.journal`));
              journals.delete(journal);
            }
            await follower.catchUp(() => undefined);
          }
          const builder = await run.caughtUp();
          const asked = ['alpha', 'beta gamma', '字', '"delta 7"'];
          assert.deepEqual(contentOf(follower, asked), contentOf(builder, asked));
        } finally {
          await run.close();
          run.remove();
        }
      }),
      { numRuns: 30 },
    );
  });
});
