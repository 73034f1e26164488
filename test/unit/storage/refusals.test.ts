import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { nodeFileSystem, type FileSystem } from '../../../server/src/base/fileSystem.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FaultyFileSystem } from '../../support/faultyFileSystem.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { message, StorageFixture, textsOf } from './storageFixture.ts';

describe('journals on a disk that refuses something once', () => {
  let fixture: StorageFixture;
  let disk: FaultyFileSystem;
  beforeEach(() => {
    fixture = new StorageFixture();
    disk = new FaultyFileSystem();
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  const claims = (): string[] => fs.readdirSync(fixture.conversationFolder()).filter((name) => name.includes('.lock-'));

  for (const operation of ['open', 'read', 'stat'] as const) {
    it(`list a conversation again after ${operation} was refused, although its file has not changed`, async () => {
      await fixture.written(['one']);
      const { fileSystem } = disk;
      const store = fixture.store({ fileSystem });
      disk.judge = (asked, _count, file) => (asked === operation && file.endsWith('.journal') ? 'EIO' : undefined);
      assert.deepEqual(await store.list([fixture.folder]), []);
      disk.mend();
      assert.equal((await store.list([fixture.folder]))[0]?.title, 'one');
    });
  }

  it('list a conversation as it was while what was appended to it cannot be read', async () => {
    const { file } = await fixture.written(['one']);
    const store = fixture.store({ fileSystem: disk.fileSystem });
    await store.list([fixture.folder]);
    fs.appendFileSync(file, encodeRecord(JSON.stringify({ sequence: 2, at: 1, update: message('two') })));
    disk.judge = (operation) => (operation === 'read' ? 'EIO' : undefined);
    assert.equal((await store.list([fixture.folder]))[0]?.title, 'one');
  });

  it('can be opened although the folders of other workspaces cannot be looked into', async () => {
    const { id } = await fixture.written(['one']);
    const root = path.join(fixture.dataFolder, 'conversations');
    for (const name of ['0', 'A', 'a', 'm', 'z', '~']) fs.mkdirSync(path.join(root, name));
    const own = fixture.conversationFolder();
    const wanted = fs.readdirSync(root).find((name) => fs.readdirSync(path.join(root, name)).length > 0) ?? own;
    disk.judge = (operation, _count, file) =>
      operation === 'stat' && !file.includes(wanted) && file.startsWith(root) ? 'EACCES' : undefined;
    const store = fixture.store({ fileSystem: disk.fileSystem });
    const journal = await store.open(id);
    assert.deepEqual([journal.access, textsOf(journal.events())], ['write', ['one']]);
    await journal.close();
    disk.judge = (operation, _count, file) => (operation === 'stat' && file.startsWith(root) ? 'EACCES' : undefined);
    await assert.rejects(fixture.store({ fileSystem: disk.fileSystem }).open(id), {
      reason: 'Unavailable',
      message: /EACCES/,
    });
  });

  it('can be deleted by trying again after the deletion was refused half way', async () => {
    const { id, file } = await fixture.written(['one']);
    fs.appendFileSync(file, 'torn');
    const store = fixture.store({ fileSystem: disk.fileSystem });
    await (await store.open(id)).close();
    disk.judge = (operation, _count, removed) =>
      operation === 'remove' && removed.includes('.torn-') ? 'EIO' : undefined;
    await assert.rejects(store.delete(id), { reason: 'Unavailable' });
    disk.mend();
    await store.delete(id);
    assert.deepEqual(fs.readdirSync(path.dirname(file)), []);
  });

  it('can be written to again by the process whose claim could not be removed, which is removed later', async () => {
    const { id } = await fixture.written(['one']);
    const clock = new FakeClock();
    const store = fixture.store({ fileSystem: disk.fileSystem, clock });
    const other = fixture.store();
    disk.judge = (operation, _count, file) => (operation === 'remove' && file.includes('.lock-') ? 'EIO' : undefined);
    for (let round = 1; round <= 3; round += 1) {
      const journal = await store.open(id);
      assert.equal(journal.access, 'write');
      await journal.append([message(`round ${round}`)]);
      await journal.close();
      assert.equal(claims().length, round);
    }
    assert.equal((await store.list([fixture.folder]))[0]?.lockedElsewhere, false);
    // Another window cannot know that they count no more, until they are gone.
    assert.equal((await other.list([fixture.folder]))[0]?.lockedElsewhere, true);
    clock.advance(1_000);
    await eventually('it is tried again later', () => clock.pending === 1);
    assert.equal(claims().length, 3);
    disk.mend();
    clock.advance(60_000);
    await eventually('the claims are gone', () => claims().length === 0);
    const journal = await other.open(id);
    assert.deepEqual([journal.access, textsOf(journal.events()).length], ['write', 4]);
    await store.dispose();
    assert.equal(clock.pending, 0);
  });

  it('can be written to at the next opening after the first one was refused in the middle', async () => {
    const { id } = await fixture.written(['one']);
    const store = fixture.store({ fileSystem: disk.fileSystem });
    for (const operation of ['open', 'read', 'close', 'stat', 'list'] as const) {
      let failed = 0;
      disk.judge = (asked, _count, file) =>
        asked === operation && !file.includes('.lock-') && failed++ === 0 ? 'EIO' : undefined;
      const first = await store.open(id).catch((error: unknown) => error);
      if (!(first instanceof Error)) await (first as Awaited<ReturnType<typeof store.open>>).close().catch(String);
      disk.mend();
      const journal = await store.open(id);
      assert.equal(journal.access, 'write', operation);
      await journal.close();
    }
  });

  it('are followed in the new file if that takes the place of the old one just while they are opened for reading', async () => {
    const { id, file } = await fixture.written(['one', 'two', 'a longer message that is not in the new file']);
    const holder = await fixture.store().open(id);
    const [first = '', second = ''] = fs.readFileSync(file, 'utf8').split('\n');
    const shorter = `${first}\n${second}\n`;
    let looked = 0;
    const between = async <T>(looking: Promise<T>): Promise<T> => {
      const found = await looking;
      if ((looked += 1) === 1) {
        fs.writeFileSync(`${file}.new`, shorter);
        fs.renameSync(`${file}.new`, file);
      }
      return found;
    };
    const isFirstLook = (name: string): boolean => name === file && looked === 0;
    let isFound = false;
    const exchanging: FileSystem = {
      ...nodeFileSystem,
      // The store looks for the file first of all; what counts is what comes then.
      stat: (name) => {
        if (isFirstLook(name) && isFound) return between(nodeFileSystem.stat(name));
        if (name === file) isFound = true;
        return nodeFileSystem.stat(name);
      },
      open: (name, mode) =>
        isFirstLook(name) ? between(nodeFileSystem.open(name, mode)) : nodeFileSystem.open(name, mode),
    };
    const reader = await fixture.store({ fileSystem: exchanging }).open(id);
    assert.equal(reader.access, 'read');
    const event = { sequence: 9, at: 1, update: message('in the new file') };
    fs.appendFileSync(file, encodeRecord(JSON.stringify(event)));
    await eventually('the reader sees it', () => textsOf(reader.events()).includes('in the new file'), 5_000);
    await holder.close();
  }).timeout(10_000);
});
