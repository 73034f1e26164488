import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { createCache, RecordedHealth } from '../../support/memoryCache.ts';
import { textsOnDisk } from '../../unit/cache/textNamespace.ts';
import { message, textsOf } from '../../unit/storage/storageFixture.ts';
import { fillDisk } from './fillDisk.ts';
import { smallDiskSuite } from './smallDiskSuite.ts';

const seconds = 60;
const full = { reason: 'Unavailable', message: /ENOSPC.*Free some space/ };

/** A real disk, a tmpfs of 1 MiB, which only root may mount; the minute is one of the clock that the storage is given. */
describe('a minute on a full disk', function () {
  this.timeout(60_000);
  const disk = smallDiskSuite(this);

  it('refuses every append, shows what there is, answers from the cache, and goes on in the second in which there is space', async () => {
    const root = disk.folder;
    const dataFolder = path.join(root, 'data');
    const [clock, health] = [new FakeClock(1_700_000_000_000), new RecordedHealth()];
    const store = disk.fixture.store({ dataFolder, clock });
    const cache = createCache({ folder: path.join(root, 'cache'), clock, health });
    const texts = cache.namespace(textsOnDisk);
    const place = { cwd: '/', workspaceFolders: [] };
    const open = await store.create(place);
    const closed = await store.create(place);
    for (const journal of [open, closed]) await journal.append([message('before')]);
    await closed.close();
    fillDisk(path.join(root, 'filler'));
    for (let second = 1; second <= seconds; second += 1) {
      clock.advance(1_000);
      await assert.rejects(open.append([message(`second ${second} ${'x'.repeat(5_000)}`)]), full);
      await assert.rejects(store.create({ ...place, workspaceFolders: [`/elsewhere ${second}`] }), full);
      assert.equal((await store.list([])).length, 2);
      const looked = await store.open(closed.header.conversationId);
      assert.deepEqual([looked.access, textsOf(looked.events())], ['read', ['before']]);
      await assert.rejects(looked.append([message('no')]), full);
      await looked.close();
      assert.equal(await texts.fetch(`key ${second}`, () => Promise.resolve('answered')), 'answered');
    }
    await eventually(
      'the cache leaves the disk alone',
      () => health.components.get('cacheDisk')?.status === 'degraded',
    );
    fs.rmSync(path.join(root, 'filler'));
    await open.append([message('after')]);
    const again = await store.open(closed.header.conversationId);
    assert.equal(again.access, 'write');
    await again.append([message('after')]);
    await store.create({ ...place, workspaceFolders: ['/elsewhere'] });
    await eventually('the cache uses the disk again', () => {
      clock.advance(1_000);
      return health.components.get('cacheDisk')?.status === 'ready';
    });
    await cache.close();
    await store.dispose();
    const left = fs.readdirSync(dataFolder, { recursive: true }).map(String);
    assert.deepEqual(
      left.filter((name) => /\.(lock-|tmp|torn-|damaged-)/.test(name)),
      [],
    );
    const next = disk.fixture.store({ dataFolder });
    for (const { header } of [open, closed]) {
      const journal = await next.open(header.conversationId);
      assert.deepEqual([textsOf(journal.events()), journal.damage], [['before', 'after'], []]);
    }
    assert.equal(clock.pending, 0);
  });
});
