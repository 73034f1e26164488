import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { message, textsOf } from '../../unit/storage/storageFixture.ts';
import { fillDisk } from './fillDisk.ts';
import { smallDiskSuite } from './smallDiskSuite.ts';

/** Real disks that are full or read-only: a tmpfs of 1 MiB, which only root may mount. */
describe('journals on a disk that refuses', function () {
  this.timeout(30_000);
  const disk = smallDiskSuite(this);

  it('says that a full disk is full, loses nothing, and goes on when there is space again', async () => {
    const dataFolder = path.join(disk.folder, 'data');
    const store = disk.fixture.store({ dataFolder });
    const journal = await store.create({ cwd: '/', workspaceFolders: [] });
    await journal.append([message('before')]);
    const filler = path.join(disk.folder, 'filler');
    const full = { reason: 'Unavailable', message: /ENOSPC.*Free some space/ };
    fillDisk(filler);
    const large = message('x'.repeat(100_000));
    await assert.rejects(journal.append([large]), full);
    await assert.rejects(store.create({ cwd: '/', workspaceFolders: ['/elsewhere'] }), full);
    fs.rmSync(filler);
    assert.equal((await journal.append([message('after')]))[0]?.sequence, 2);
    await store.dispose();
    const again = await disk.fixture.store({ dataFolder }).open(journal.header.conversationId);
    assert.deepEqual([textsOf(again.events()), again.damage], [['before', 'after'], []]);
  });

  it('opens a conversation on a read-only disk for reading and says why nothing can be written', async () => {
    const dataFolder = path.join(disk.folder, 'data');
    const store = disk.fixture.store({ dataFolder });
    const { header, ...journal } = await store.create({ cwd: '/', workspaceFolders: [] }).then(async (created) => {
      await created.append([message('before')]);
      await created.close();
      return created;
    });
    assert.ok(journal);
    execFileSync('mount', ['-o', 'remount,ro', disk.folder]);
    const readOnly = { reason: 'Unavailable', message: /EROFS.*read-only file system/ };
    const opened = await store.open(header.conversationId);
    assert.deepEqual([opened.access, textsOf(opened.events())], ['read', ['before']]);
    await assert.rejects(opened.append([message('no')]), readOnly);
    await assert.rejects(store.create({ cwd: '/', workspaceFolders: [] }), readOnly);
    await assert.rejects(store.delete(header.conversationId), readOnly);
    assert.equal((await store.list([])).length, 1);
  });
});
