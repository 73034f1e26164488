import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { FakeClock } from '../../support/fakeClock.ts';
import { createCache, RecordedHealth } from '../../support/memoryCache.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { mountSmallDisk } from '../../support/smallDisk.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { textsOnDisk } from '../../unit/cache/textNamespace.ts';
import { fillDisk } from './fillDisk.ts';

/** Real disks that are full or read-only: a tmpfs of 1 MiB, which only root may mount. */
describe('The cache on a disk that refuses', function () {
  this.timeout(30_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let disk: string;
  let isMounted = false;

  beforeEach(function () {
    folder = temporaryFolder();
    disk = path.join(folder.path, 'disk');
    fs.mkdirSync(disk);
    if (!mountSmallDisk(disk)) this.skip();
    isMounted = true;
  });
  afterEach(() => {
    assert.deepEqual(openFilesUnder(folder.path), []);
    if (isMounted) execFileSync('umount', [disk]);
    isMounted = false;
    folder.remove();
  });

  const refusals: Record<string, { readonly refuse: () => void; readonly mend: () => void }> = {
    ENOSPC: {
      refuse: () => fillDisk(path.join(disk, 'filler')),
      mend: () => fs.rmSync(path.join(disk, 'filler')),
    },
    EROFS: {
      refuse: () => execFileSync('mount', ['-o', 'remount,ro', disk]),
      mend: () => execFileSync('mount', ['-o', 'remount,rw', disk]),
    },
  };
  for (const [code, { refuse, mend }] of Object.entries(refusals)) {
    it(`answers everything on a disk that says ${code}, and uses it again once it is mended`, async () => {
      const clock = new FakeClock();
      const health = new RecordedHealth();
      const cache = createCache({ folder: path.join(disk, 'cache'), clock, health });
      const texts = cache.namespace(textsOnDisk);
      const fetch = (key: string) => texts.fetch(key, () => Promise.resolve(`${key} ${'x'.repeat(20_000)}`));
      const entries = path.join(disk, 'cache/v1/texts/entries');
      await fetch('before');
      const isWritten = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
      await waitFor('the entry to be written', () => fs.existsSync(entries) && fs.readdirSync(entries).some(isWritten));
      refuse();
      for (let index = 0; index < 20; index++) {
        assert.ok((await fetch(`during ${index}`)).startsWith(`during ${index} `));
      }
      await waitFor('the breaker to open', () => health.components.get('cacheDisk')?.status === 'degraded');
      assert.match(health.components.get('cacheDisk')?.message ?? '', new RegExp(code));
      mend();
      clock.advance(10_000);
      await waitFor('the disk to be used again', () => health.components.get('cacheDisk')?.status === 'ready');
      await fetch('after');
      await cache.close();
      const next = createCache({ folder: path.join(disk, 'cache'), clock });
      const kept = next.namespace(textsOnDisk);
      for (const key of ['before', 'after']) {
        const text = await kept.fetch(key, () => Promise.reject(new Error('not kept')));
        assert.ok(text.startsWith(`${key} x`));
      }
      await next.close();
      assert.equal(clock.pending, 0);
    });
  }
});
