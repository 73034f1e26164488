import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { openFilesUnder } from '../../support/openFiles.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FullDisk } from '../../support/fullDisk.ts';
import { message, StorageFixture } from './storageFixture.ts';

describe('the health of journals', () => {
  let fixture: StorageFixture;
  let disk: FullDisk;
  let clock: FakeClock;
  let told: (string | undefined)[];

  beforeEach(() => {
    fixture = new StorageFixture();
    disk = new FullDisk();
    clock = new FakeClock();
    told = [];
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    assert.equal(clock.pending, 0, 'no timer is left');
    fixture.remove();
  });

  const openStore = () =>
    fixture.store({ clock, fileSystem: disk.fileSystem, onTrouble: (trouble) => told.push(trouble) });
  const create = () => openStore().create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });

  it('says once that the disk refuses, and what to do, however many appends it refuses', async () => {
    const journal = await create();
    assert.deepEqual(told, []);
    disk.isFull = true;
    await assert.rejects(journal.append([message('one')]), /ENOSPC/);
    await assert.rejects(journal.append([message('two')]), /ENOSPC/);
    assert.equal(told.length, 1);
    assert.match(String(told[0]), /Could not save the conversation \(ENOSPC\)\. The disk is full\. Free some space/);
  });

  it('is well again after the next append that works', async () => {
    const journal = await create();
    disk.isFull = true;
    await assert.rejects(journal.append([message('one')]), /ENOSPC/);
    disk.isFull = false;
    await journal.append([message('one')]);
    await eventually('the good news', () => told.length === 2);
    assert.equal(told[1], undefined);
  });

  it('is not taken in by a small event that finds room on a full disk', async () => {
    const journal = await create();
    disk.isFull = true;
    await assert.rejects(journal.append([message('one')]), /ENOSPC/);
    disk.roomBytes = 1_000;
    await journal.append([message('small')]);
    await eventually('another look later on', () => clock.pending === 1);
    assert.equal(told.length, 1);
  });

  it('is well again by itself once the disk has room, and leaves nothing behind', async () => {
    disk.isFull = true;
    const store = openStore();
    await assert.rejects(store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] }), /ENOSPC/);
    assert.equal(told.length, 1);
    clock.advance(5_000);
    await eventually('another look later on', () => clock.pending === 1);
    assert.equal(told.length, 1);
    disk.isFull = false;
    clock.advance(5_000);
    await eventually('the good news', () => told.length === 2);
    assert.equal(told[1], undefined);
    assert.deepEqual(
      fs.readdirSync(fixture.dataFolder).filter((name) => name.includes('writeProbe')),
      [],
    );
  });

  it('says nothing where an append is refused for another reason than the disk', async () => {
    const journal = await create();
    await assert.rejects(journal.append([{ sessionUpdate: 'no_such_kind' } as never]), { reason: 'InvalidParams' });
    await journal.close();
    await assert.rejects(journal.append([message('late')]), { reason: 'Conflict' });
    assert.deepEqual(told, []);
  });
});
