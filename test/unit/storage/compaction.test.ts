import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { Audience } from '../../../server/src/agents/audience.ts';
import { compactTurn } from '../../../server/src/agents/compactEvents.ts';
import { eventsToMessages } from '../../../server/src/agents/eventsToMessages.ts';
import { nodeFileSystem, type FileSystem } from '../../../server/src/base/fileSystem.ts';
import type { ConversationJournal } from '../../../server/src/storage/conversationJournal.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { agent, turnEnded, turnStarted, user } from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { TestClient } from '../../support/testClient.ts';
import { message, StorageFixture } from './storageFixture.ts';
import { versionOneEvents } from './versionOneReader.ts';

const chunks = 60;
const compacting = { compactTurn, compactionLimits: { minGrowthBytes: 2_000, minEvents: 50 } };

/** A turn whose answer was streamed in many pieces. */
function longTurn(name: string): SessionUpdate[] {
  const pieces = Array.from({ length: chunks }, (_, index) => agent(`${name}.${index} `, `answer of ${name}`));
  return [turnStarted(name), user(`question of ${name}`, `question of ${name}`), ...pieces, turnEnded('end_turn')];
}

describe('compaction of a journal', () => {
  let fixture: StorageFixture;
  beforeEach(() => (fixture = new StorageFixture()));
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    const left = fs.readdirSync(fixture.folder, { recursive: true }).map(String);
    assert.deepEqual(
      left.filter((name) => name.includes('.new-') || name.includes('.lock-')),
      [],
    );
    fixture.remove();
  });

  const begin = (parts: Parameters<StorageFixture['store']>[0] = compacting): Promise<ConversationJournal> =>
    fixture.store(parts).create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
  const fileOf = (journal: ConversationJournal): string =>
    `${fixture.conversationFolder()}/${journal.header.conversationId}.journal`;
  const compacted = (file: string) => () => fs.readFileSync(file, 'utf8').includes('{"compacted":');

  it('makes a long one shorter by itself, and keeps what a model is told, the numbers, and older programs', async () => {
    const journal = await begin();
    const file = fileOf(journal);
    await journal.append(longTurn('a'));
    const before = fs.statSync(file).size;
    await eventually('it is compacted', compacted(file));
    assert.ok(fs.statSync(file).size < before / 4);
    await journal.append(longTurn('b').slice(0, 5));
    const all = [...journal.events()];
    assert.equal(all.length, chunks + 3 + 5);
    await fixture.close();
    const again = await fixture.store().open(journal.header.conversationId);
    assert.ok(again.events().length < 12);
    assert.equal(again.compactedThrough, chunks + 3);
    assert.deepEqual(again.damage, []);
    assert.deepEqual(eventsToMessages(again.events()), eventsToMessages(all));
    assert.deepEqual(again.header, journal.header);
    assert.deepEqual(again.events().slice(-5), all.slice(-5));
    assert.equal((await again.append([message('next')]))[0]?.sequence, chunks + 3 + 5 + 1);
    assert.deepEqual(eventsToMessages(versionOneEvents(file)), eventsToMessages(again.events()));
  });

  it('leaves short ones, turns that go on, and damaged or unknown records alone', async () => {
    const { id, file } = await fixture.written(['one']);
    const unfinished = longTurn('c')
      .slice(0, -1)
      .map((update, index) => ({ sequence: index + 2, at: 1, update }));
    fs.appendFileSync(file, Buffer.concat(unfinished.map((event) => encodeRecord(JSON.stringify(event)))));
    const records = [
      Buffer.from('damaged\n'),
      encodeRecord('{"sequence":200,"at":1,"update":{"sessionUpdate":"from_the_future"}}'),
    ];
    for (const record of records) {
      const before = fs.readFileSync(file);
      fs.appendFileSync(file, record);
      fs.appendFileSync(file, encodeRecord(JSON.stringify({ sequence: 300, at: 1, update: turnEnded('end_turn') })));
      const store = fixture.store(compacting);
      const journal = await store.open(id);
      await journal.append(longTurn('d'));
      await store.dispose();
      assert.ok(fs.readFileSync(file).subarray(0, before.length).equals(before));
      assert.ok(!compacted(file)());
      fs.writeFileSync(file, before);
    }
  });

  it('keeps what is appended meanwhile', async () => {
    const gate = Promise.withResolvers<undefined>();
    const reached = Promise.withResolvers<undefined>();
    const slow: FileSystem = {
      ...nodeFileSystem,
      async open(file, mode) {
        const open = await nodeFileSystem.open(file, mode);
        if (!file.includes('.new-') || mode !== 'createNew') return open;
        return { ...open, datasync: () => (reached.resolve(undefined), gate.promise.then(() => open.datasync())) };
      },
    };
    const journal = await begin({ ...compacting, fileSystem: slow });
    await journal.append(longTurn('a'));
    await reached.promise;
    const meanwhile = Array.from({ length: 20 }, (_, index) => message(`meanwhile ${index}`));
    for (const update of meanwhile) await journal.append([update]);
    gate.resolve(undefined);
    await eventually('it is compacted', compacted(fileOf(journal)));
    await journal.append([message('afterwards')]);
    const all = [...journal.events()];
    await fixture.close();
    const again = await fixture.store().open(journal.header.conversationId);
    assert.deepEqual(again.events().slice(-21), all.slice(-21));
    assert.deepEqual(eventsToMessages(again.events()), eventsToMessages(all));
  });

  it('is followed by those who read along', async () => {
    const writer = await begin();
    const reader = await fixture.store().open(writer.header.conversationId);
    const seen: SessionEvent[] = [];
    reader.onAppended((event) => seen.push(event));
    await writer.append(longTurn('a'));
    await eventually('it is compacted', compacted(fileOf(writer)));
    const [last] = await writer.append([message('behind it')]);
    await eventually('the reader has the last', () => seen.at(-1)?.sequence === last?.sequence);
    assert.equal(reader.compactedThrough, chunks + 3);
    assert.deepEqual(eventsToMessages(reader.events()), eventsToMessages(writer.events()));
  });

  it('gives a snapshot to those who know a part of what has been merged, and the rest to others', async () => {
    const { header, ...journal } = await begin().then(async (created) => {
      await created.append(longTurn('a'));
      await eventually('it is compacted', compacted(fileOf(created)));
      await created.append([user('more', 'more')]);
      await fixture.close();
      return fixture.store().open(created.header.conversationId);
    });
    assert.ok(journal);
    const again = await fixture.store().open(header.conversationId);
    const audience = new Audience(header.conversationId);
    const attach = (from: number) => audience.attach(new TestClient(), again, from, () => undefined);
    assert.equal(attach(30).isSnapshot, true);
    const rest = attach(chunks + 3);
    assert.deepEqual([rest.isSnapshot, rest.events.length], [false, 1]);
    audience.dispose();
  });

  it('removes what one that was broken off has left', async () => {
    const { id, file } = await fixture.written(['one']);
    fs.writeFileSync(`${file}.new-0123456789ab`, 'half');
    const journal = await fixture.store().open(id);
    assert.equal(journal.events().length, 1);
    assert.ok(!fs.existsSync(`${file}.new-0123456789ab`));
  });

  it('never puts the copy of a former holder in the place of what its successor wrote', async () => {
    const gate = Promise.withResolvers<undefined>();
    const reached = Promise.withResolvers<undefined>();
    const stopping: FileSystem = {
      ...nodeFileSystem,
      rename: async (from, to) => {
        if (from.includes('.new-')) {
          reached.resolve(undefined);
          await gate.promise;
        }
        await nodeFileSystem.rename(from, to);
      },
    };
    const former = await begin({ ...compacting, fileSystem: stopping });
    await former.append(longTurn('a'));
    await reached.promise;
    const self = () => Promise.resolve({ pid: 1, startedAt: 'other' });
    const processes = { self, isAlive: () => Promise.resolve(false) };
    const next = await fixture.store({ processes }).open(former.header.conversationId);
    await next.append([message('of the successor')]);
    gate.resolve(undefined);
    await former.close();
    await next.append([message('and on')]);
    assert.equal(next.access, 'write');
    await next.close();
    const again = await fixture.store().open(former.header.conversationId);
    assert.equal(again.events().length, chunks + 3 + 2);
  });
});
