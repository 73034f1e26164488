import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { FaultyFileSystem, type Operation } from '../../support/faultyFileSystem.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';
import { bundleWorker, IndexFixture, loadSqlJs } from './indexFixture.ts';
import { message } from './storageFixture.ts';
import { eventJson } from '../../../server/src/storage/journalFormat.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';

describe('the index on a disk that does not let journals be looked at', () => {
  let fixture: IndexFixture;
  let disk: FaultyFileSystem;
  let journals: string[];
  before(async () => {
    await Promise.all([bundleWorker(), loadSqlJs()]);
  });
  beforeEach(() => {
    fixture = new IndexFixture();
    disk = new FaultyFileSystem();
    const updates = turnUpdates({ id: 'a', question: 'Question', answer: 'Some words' });
    const { ids, folder } = writeConversations(
      fixture.dataFolder,
      fixture.folder,
      Array.from({ length: 5 }, () => ({ updates })),
    );
    journals = ids.map((id) => path.join(folder, `${id}.journal`));
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  const append = (file: string, sequence: number, text: string): void =>
    fs.appendFileSync(file, encodeRecord(eventJson(sequence, Date.now(), JSON.stringify(message(text)), 1)));

  for (const [what, operation, isHit] of [
    ['the folder of all conversations', 'list', (file: string) => file.endsWith('conversations')],
    ['the folder of a workspace', 'list', (file: string) => !file.endsWith('conversations')],
    ['any journal', 'stat', () => true],
    ['what is in any journal', 'read', () => true],
  ] as [string, Operation, (file: string) => boolean][]) {
    it(`keeps what it knows while the disk refuses to tell of ${what}, and catches up afterwards`, async () => {
      const engine = await fixture.caughtUp({ fileSystem: disk.fileSystem });
      const found = (word: string): number => engine.search(word, 50, undefined).length;
      for (const file of journals) append(file, 9, 'later');
      disk.judge = (asked, _count, file) => (asked === operation && isHit(file) ? 'EIO' : undefined);
      const changes = await engine.catchUp(() => undefined);
      await engine.catchUpWith(engine.conversations());
      assert.deepEqual([changes.removed, engine.conversations().length], [[], 5]);
      assert.deepEqual([found('words'), found('later')], [5, operation === 'list' ? 5 : 0]);
      disk.mend();
      await engine.catchUp(() => undefined);
      assert.deepEqual([found('words'), found('later')], [5, 5]);
      for (const file of journals) fs.rmSync(file);
      assert.equal((await engine.catchUp(() => undefined)).removed.length, 5);
    });
  }

  it('ends although its lock cannot be removed', async () => {
    const index = fixture.index({ fileSystem: disk.fileSystem });
    await index.search('words', 50, undefined);
    const isLocked = (): boolean => fs.readdirSync(fixture.dataFolder).some((name) => name.startsWith('index.lock-'));
    await eventually('it takes the lock', isLocked);
    disk.judge = (operation) => (operation === 'remove' ? 'EIO' : undefined);
    await index.dispose();
    assert.ok(isLocked());
  });
});
