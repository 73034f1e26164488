import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ConversationId, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { nodeFileSystem, type FileSystem } from '../../../server/src/base/fileSystem.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { message, sequencesOf, StorageFixture, textsOf } from './storageFixture.ts';

describe('journal store', () => {
  let fixture: StorageFixture;
  beforeEach(() => (fixture = new StorageFixture()));
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    const left = fs.readdirSync(fixture.folder, { recursive: true }).filter((name) => String(name).includes('.lock-'));
    assert.deepEqual(left, []);
    fixture.remove();
  });

  it('gives back after a restart what was appended, numbered without a hole', async () => {
    const { id } = await fixture.written(['one', 'two', 'drei ä 𝄞']);
    const journal = await fixture.store().open(id);
    assert.deepEqual(textsOf(journal.events()), ['one', 'two', 'drei ä 𝄞']);
    assert.deepEqual(sequencesOf(journal.events()), [1, 2, 3]);
    assert.deepEqual([journal.access, journal.damage], ['write', []]);
    const [event] = await journal.append([message('four')]);
    assert.equal(event?.sequence, 4);
    assert.deepEqual(journal.header.workspaceFolders, [fixture.folder]);
  });

  it('keeps files and folders for their owner alone', async () => {
    const { file } = await fixture.written([]);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.equal(fs.statSync(path.dirname(file)).mode & 0o777, 0o700);
    assert.equal(fs.statSync(fixture.dataFolder).mode & 0o777, 0o700);
  });

  it('writes concurrent appends together, in the order of the calls', async () => {
    let syncs = 0;
    const counting: FileSystem = {
      ...nodeFileSystem,
      async open(file, mode) {
        const open = await nodeFileSystem.open(file, mode);
        return { ...open, datasync: () => ((syncs += 1), open.datasync()) };
      },
    };
    const journal = await fixture.store({ fileSystem: counting }).create(fixtureFolders(fixture));
    syncs = 0;
    const texts = Array.from({ length: 50 }, (_, index) => `t${index}`);
    const answers = await Promise.all(texts.map((text) => journal.append([message(text)])));
    assert.deepEqual(
      sequencesOf(answers.flat()),
      texts.map((_, index) => index + 1),
    );
    assert.deepEqual(textsOf(journal.events()), texts);
    assert.equal(syncs, 1);
  });

  it('tells listeners of each event once, before its append resolves', async () => {
    const journal = await fixture.store().create(fixtureFolders(fixture));
    const seen: number[] = [];
    const listening = journal.onAppended((event) => seen.push(event.sequence));
    await journal.append([message('a'), message('b')]);
    assert.deepEqual(seen, [1, 2]);
    listening.dispose();
    await journal.append([message('c')]);
    assert.deepEqual(seen, [1, 2]);
  });

  it('keeps what was appended, not what the caller made of it afterwards', async () => {
    const journal = await fixture.store().create(fixtureFolders(fixture));
    const update = { sessionUpdate: 'session_info_update' as const, title: 'before' };
    const appended = journal.append([update]);
    update.title = 'after';
    assert.deepEqual((await appended)[0]?.update, { sessionUpdate: 'session_info_update', title: 'before' });
  });

  it('opens a conversation once for callers that come at the same time', async () => {
    const { id } = await fixture.written(['one']);
    const store = fixture.store();
    const journals = await Promise.all(Array.from({ length: 100 }, () => store.open(id)));
    assert.equal(new Set(journals).size, 1);
    await journals[0]!.close();
    const again = await store.open(id);
    assert.notEqual(again, journals[0]);
    assert.equal(again.access, 'write');
  });

  it('cuts a torn tail back to the last good record and keeps the rest aside', async () => {
    const { id, file } = await fixture.written(['one', 'two']);
    // Longer than the next record, so that overwriting it would not do for cutting it off.
    const torn = encodeRecord(JSON.stringify({ sequence: 3, at: 1, text: 'x'.repeat(1_000) })).subarray(0, 900);
    fs.appendFileSync(file, torn);
    const journal = await fixture.store().open(id);
    assert.deepEqual(textsOf(journal.events()), ['one', 'two']);
    assert.deepEqual([journal.damage.length, journal.wasCut, journal.unreadable], [1, true, undefined]);
    await journal.append([message('three')]);
    await fixture.close();
    const again = await fixture.store().open(id);
    assert.deepEqual(textsOf(again.events()), ['one', 'two', 'three']);
    assert.deepEqual([again.damage, again.wasCut], [[], false]);
    const aside = fs.readdirSync(path.dirname(file)).filter((name) => name.includes('.torn-'));
    assert.deepEqual(
      aside.map((name) => fs.readFileSync(path.join(path.dirname(file), name))),
      [Buffer.from(torn)],
    );
  });

  it('reads around a damaged record, keeps it aside and reports it once', async () => {
    const { id, file } = await fixture.written(['one', 'two', 'three']);
    const bytes = fs.readFileSync(file);
    const at = bytes.indexOf('two');
    bytes[at] = 0x54;
    fs.writeFileSync(file, bytes);
    const journal = await fixture.store().open(id);
    assert.deepEqual(sequencesOf(journal.events()), [1, 3]);
    assert.match(journal.damage.join(), /^\d+ bytes at position \d+ are damaged/);
    assert.equal((await journal.append([message('four')]))[0]?.sequence, 4);
    await fixture.close();
    const again = await fixture.store().open(id);
    assert.deepEqual([sequencesOf(again.events()), again.damage], [[1, 3, 4], []]);
    // Whoever looks at the conversation for the first time now has to be told all the same.
    assert.equal(journal.unreadable?.places, 1);
    assert.deepEqual(again.unreadable, journal.unreadable);
    const aside = fs.readdirSync(path.dirname(file)).filter((name) => name.includes('.damaged-'));
    assert.match(fs.readFileSync(path.join(path.dirname(file), aside[0]!), 'utf8'), /"Two"/i);
  });

  it('keeps a bounded number of damaged places aside, and tells of the others together and once', async () => {
    const texts = Array.from({ length: 150 }, (_, index) => `text ${index}`);
    const { id, file } = await fixture.written(texts.flatMap((text) => [text, 'good']));
    const damaged = fs.readFileSync(file, 'latin1').replaceAll('"text ', '"Text ');
    fs.writeFileSync(file, damaged, 'latin1');
    const journal = await fixture.store().open(id);
    assert.equal(journal.events().length, 150);
    assert.deepEqual(
      [journal.damage.length, journal.damage.at(-1)],
      [101, '50 further places are damaged and were passed over, too.'],
    );
    await fixture.close();
    const aside = fs.readdirSync(path.dirname(file)).filter((name) => name.includes('.damaged-'));
    assert.equal(aside.length, 100);
    assert.deepEqual((await fixture.store().open(id)).damage, []);
    assert.equal(fs.readFileSync(file, 'latin1').startsWith(damaged), true);
  });

  it('refuses a newer format by name and leaves the file alone', async () => {
    const { id, file } = await fixture.written([]);
    const header = JSON.stringify({ format: 'ai-dev-assistant conversation', version: 2, other: true });
    const bytes = Buffer.concat([encodeRecord(header), Buffer.from('torn')]);
    fs.writeFileSync(file, bytes);
    await assert.rejects(fixture.store().open(id), { reason: 'Unsupported', message: /version 2.*Update/ });
    assert.deepEqual(fs.readFileSync(file), bytes);
    assert.deepEqual(fs.readdirSync(path.dirname(file)), [path.basename(file)]);
  });

  for (const [what, content] of [
    ['is empty', Buffer.alloc(0)],
    ['holds zeros', Buffer.alloc(4_096)],
    ['holds another program’s text', Buffer.from('hello\nworld\n')],
    ['begins with an event', encodeRecord('{"sequence":1,"at":1,"update":{}}')],
  ] as const) {
    it(`refuses a journal that ${what}, and leaves it alone`, async () => {
      const { id, file } = await fixture.written(['one']);
      fs.writeFileSync(file, content);
      const store = fixture.store();
      await assert.rejects(store.open(id), { reason: 'Unavailable', message: /beginning .* damaged/ });
      const [listed] = await store.list([fixture.folder]);
      assert.equal(listed?.conversationId, id);
      assert.match(listed.unopenable ?? '', /beginning .* damaged.*restore it from a backup/);
      assert.deepEqual(fs.readFileSync(file), Buffer.from(content));
      await store.delete(id);
      assert.deepEqual(await store.list([fixture.folder]), []);
    });
  }

  it('passes over kinds of events that it does not know, and counts on behind them', async () => {
    const { id, file } = await fixture.written(['one']);
    fs.appendFileSync(file, encodeRecord('{"sequence":2,"at":1,"update":{"sessionUpdate":"from_the_future"}}'));
    const journal = await fixture.store().open(id);
    assert.deepEqual([sequencesOf(journal.events()), journal.damage], [[1], []]);
    assert.equal((await journal.append([message('three')]))[0]?.sequence, 3);
  });

  it('answers NotFound for ids that do not exist or are no ids', async () => {
    const store = fixture.store();
    for (const id of ['00000000-0000', '../../etc/passwd', '', 'a/b', '\0'.repeat(8)]) {
      await assert.rejects(store.open(id as ConversationId), { reason: 'NotFound' }, id);
    }
  });

  it('refuses updates that could not be read again, and goes on', async () => {
    const journal = await fixture.store().create(fixtureFolders(fixture));
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const bad = [
      { sessionUpdate: 'no_such_kind' },
      { sessionUpdate: 'session_info_update' },
      { sessionUpdate: 'session_info_update', title: 'x', circular },
      undefined,
    ];
    for (const update of bad) {
      await assert.rejects(journal.append([update as SessionUpdate]), { reason: 'InvalidParams' });
    }
    const large = { sessionUpdate: 'session_info_update' as const, title: 'x'.repeat(9 * 1024 * 1024) };
    await assert.rejects(journal.append([large]), { reason: 'TooLarge' });
    assert.equal((await journal.append([message('good')]))[0]?.sequence, 1);
  });

  it('refuses more than may wait for a slow disk, and takes appends again once it has caught up', async () => {
    const gate = Promise.withResolvers<undefined>();
    const slow: FileSystem = {
      ...nodeFileSystem,
      async open(file, mode) {
        const open = await nodeFileSystem.open(file, mode);
        return { ...open, datasync: () => (mode === 'append' ? gate.promise : open.datasync()) };
      },
    };
    const journal = await fixture.store({ fileSystem: slow }).create(fixtureFolders(fixture));
    const large = message('x'.repeat(1024 * 1024));
    const appends = Array.from({ length: 40 }, () => journal.append([large]));
    const settled = Promise.allSettled(appends);
    gate.resolve(undefined);
    const refused = (await settled).filter((result) => result.status === 'rejected');
    assert.ok(refused.length >= 8 && refused.length < 40);
    for (const { reason } of refused) assert.equal((reason as { reason: string }).reason, 'ResourceLimit');
    const [last] = await journal.append([large]);
    assert.equal(last?.sequence, 40 - refused.length + 1);
  });

  it('lets a second opener read along live, and write once the first has closed', async () => {
    const [first, second] = [fixture.store(), fixture.store()];
    const writer = await first.create(fixtureFolders(fixture));
    const id = writer.header.conversationId;
    await writer.append([message('one')]);
    const reader = await second.open(id);
    assert.deepEqual([reader.access, textsOf(reader.events())], ['read', ['one']]);
    const seen: number[] = [];
    reader.onAppended((event) => seen.push(event.sequence));
    await writer.append([message('two'), message('three')]);
    await eventually('the reader has both', () => seen.length === 2);
    assert.deepEqual(
      [seen, textsOf(reader.events())],
      [
        [2, 3],
        ['one', 'two', 'three'],
      ],
    );
    await assert.rejects(reader.append([message('no')]), { reason: 'Conflict', message: /another window/ });
    assert.equal((await second.list([fixture.folder]))[0]?.lockedElsewhere, true);
    assert.equal((await first.list([fixture.folder]))[0]?.lockedElsewhere, false);
    await writer.close();
    await reader.close();
    assert.equal((await second.open(id)).access, 'write');
  });

  it('lets a reader follow when the writer takes an append back', async () => {
    const { id, file } = await fixture.written(['one', 'two']);
    const writer = await fixture.store().open(id);
    const reader = await fixture.store().open(id);
    const good = fs.readFileSync(file);
    fs.appendFileSync(file, encodeRecord(JSON.stringify({ sequence: 3, at: 1, update: message('taken back') })));
    await eventually('the reader saw it', () => reader.events().length === 3);
    fs.writeFileSync(file, good);
    await eventually('the reader took it back', () => reader.events().length === 2);
    assert.equal(writer.access, 'write');
  });

  it('shows a reader what is appended after an append that was taken back, although it saw that', async () => {
    const stop = Promise.withResolvers<undefined>();
    let isRefusing = false;
    const refusing: FileSystem = {
      ...nodeFileSystem,
      async open(file, mode) {
        const open = await nodeFileSystem.open(file, mode);
        const refuse = (): Promise<never> =>
          stop.promise.then(() => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })));
        return { ...open, datasync: () => (isRefusing ? ((isRefusing = false), refuse()) : open.datasync()) };
      },
    };
    const writer = await fixture.store({ fileSystem: refusing }).create(fixtureFolders(fixture));
    await writer.append([message('one')]);
    const reader = await fixture.store().open(writer.header.conversationId);
    const seen: number[] = [];
    reader.onAppended(({ sequence }) => seen.push(sequence));
    isRefusing = true;
    const refused = assert.rejects(writer.append([message('AAA')]), { reason: 'Unavailable' });
    await eventually('the reader saw it', () => seen.includes(2));
    stop.resolve(undefined);
    await refused;
    // As long as the one that was taken back, so that the file has the length that the reader knows.
    const [next] = await writer.append([message('BBB')]);
    await eventually('the reader sees it', () => seen.at(-1) === next?.sequence);
    assert.deepEqual(
      [textsOf(reader.events()), seen],
      [
        ['one', 'BBB'],
        [2, 4],
      ],
    );
    // Whoever has seen the number that is gone gets a snapshot.
    assert.ok(reader.compactedThrough > 2);
  });

  it('lists a workspace’s conversations, the newest first, and reads again only what changed', async () => {
    const { id: older } = await fixture.written(['a first message\nin two lines']);
    const { id: newer, file } = await fixture.written(['x']);
    let reads = 0;
    const counting: FileSystem = {
      ...nodeFileSystem,
      open: (opened, mode) => ((reads += 1), nodeFileSystem.open(opened, mode)),
    };
    const store = fixture.store({ fileSystem: counting });
    const list = await store.list([fixture.folder]);
    assert.deepEqual(
      list.map(({ conversationId }) => conversationId),
      [newer, older],
    );
    assert.deepEqual(
      list.map(({ title }) => title),
      ['x', 'a first message'],
    );
    assert.equal(reads, 2);
    await store.list([fixture.folder]);
    assert.equal(reads, 2);
    const title = { sessionUpdate: 'session_info_update', title: 'Named' };
    fs.appendFileSync(file, encodeRecord(JSON.stringify({ sequence: 2, at: Date.now(), update: title })));
    assert.equal((await store.list([fixture.folder]))[0]?.title, 'Named');
    assert.equal(reads, 3);
    assert.deepEqual(await store.list([path.join(fixture.folder, 'elsewhere')]), []);
  });

  it('finds the title of a long conversation at its end', async () => {
    const { id, file } = await fixture.written(['begin', ...Array.from({ length: 200 }, () => 'y'.repeat(1_000))]);
    const title = { sessionUpdate: 'session_info_update', title: 'At the end' };
    fs.appendFileSync(file, encodeRecord(JSON.stringify({ sequence: 202, at: 5, update: title })));
    const [summary] = await fixture.store().list([fixture.folder]);
    assert.deepEqual([summary?.conversationId, summary?.title, summary?.updatedAt], [id, 'At the end', 5]);
  });

  it('keeps a title that was given in the middle of a long conversation, when that is closed', async () => {
    const clock = new FakeClock();
    const store = fixture.store({ clock });
    const journal = await store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
    const title = async (): Promise<string | undefined> => (await store.list([fixture.folder]))[0]?.title;
    const much = () => journal.append(Array.from({ length: 100 }, () => message('y'.repeat(1_000))));
    await journal.append([message('Why?'), { sessionUpdate: 'session_info_update', title: 'Why?' }]);
    await much();
    clock.advance(1);
    await journal.append([{ sessionUpdate: 'session_info_update', title: 'Given later' }]);
    await much();
    assert.equal(await title(), 'Given later');
    await journal.close();
    assert.equal(await title(), 'Given later');
  });

  it('finds a workspace again through a link and with its folders in another order', async () => {
    const [a, b] = [path.join(fixture.folder, 'a'), path.join(fixture.folder, 'b')];
    fs.mkdirSync(a);
    fs.mkdirSync(b);
    fs.symlinkSync(a, path.join(fixture.folder, 'link'));
    const store = fixture.store();
    await store.create({ cwd: a, workspaceFolders: [path.join(fixture.folder, 'link'), b] });
    assert.equal((await store.list([b, a])).length, 1);
    assert.equal((await store.list([a])).length, 0);
  });

  it('lists the conversations of all workspaces where none is named, past one that cannot be looked into', async () => {
    const store = fixture.store();
    const folders = ['a', 'b'].map((name) => path.join(fixture.folder, name));
    for (const folder of folders) {
      const journal = await store.create({ cwd: folder, workspaceFolders: [folder] });
      await journal.append([message('something')]);
    }
    fs.writeFileSync(path.join(fixture.dataFolder, 'conversations', 'a file'), 'no folder');
    const listed = await store.list([]);
    assert.deepEqual(listed.map(({ cwd }) => cwd).sort(), folders);
    assert.ok((listed[0]?.updatedAt ?? 0) >= (listed[1]?.updatedAt ?? 0));
    assert.deepEqual(await fixture.store({ dataFolder: path.join(fixture.folder, 'none') }).list([]), []);
  });

  it('deletes a conversation with what was kept aside, unless somebody else holds it', async () => {
    const { id, file } = await fixture.written(['one']);
    fs.appendFileSync(file, 'torn');
    const [first, second] = [fixture.store(), fixture.store()];
    await first.open(id);
    await assert.rejects(second.delete(id), { reason: 'Conflict' });
    await first.delete(id);
    assert.deepEqual(fs.readdirSync(path.dirname(file)), []);
    await assert.rejects(first.open(id), { reason: 'NotFound' });
  });

  it('refuses appends after close and opens after dispose', async () => {
    const store = fixture.store();
    const journal = await store.create(fixtureFolders(fixture));
    const last = journal.append([message('last')]);
    await Promise.all([journal.close(), journal.close()]);
    assert.equal((await last).length, 1);
    await assert.rejects(journal.append([message('late')]), { reason: 'Conflict' });
    await store.dispose();
    await assert.rejects(store.open(journal.header.conversationId), { reason: 'Unavailable' });
  });
});

function fixtureFolders(fixture: StorageFixture): { cwd: string; workspaceFolders: string[] } {
  return { cwd: fixture.folder, workspaceFolders: [fixture.folder] };
}
