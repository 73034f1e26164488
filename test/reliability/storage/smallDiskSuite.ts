import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Suite } from 'mocha';
import { openFilesUnder } from '../../support/openFiles.ts';
import { mountSmallDisk } from '../../support/smallDisk.ts';
import { StorageFixture } from '../../unit/storage/storageFixture.ts';

/** What a test of a disk that refuses stands on. */
export interface SmallDisk {
  readonly fixture: StorageFixture;
  /** Where the disk, a tmpfs of 1 MiB, is mounted. */
  readonly folder: string;
}

/** Gives each test of a suite a disk of its own. Only root may mount one: elsewhere the tests are skipped. */
export function smallDiskSuite(suite: Suite): SmallDisk {
  let fixture: StorageFixture;
  let folder = '';
  let isMounted = false;
  suite.beforeEach(function () {
    fixture = new StorageFixture();
    folder = path.join(fixture.folder, 'disk');
    fs.mkdirSync(folder);
    isMounted = mountSmallDisk(folder);
    if (!isMounted) this.skip();
  });
  suite.afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    if (isMounted) execFileSync('umount', [folder]);
    fixture.remove();
  });
  return {
    get fixture() {
      return fixture;
    },
    get folder() {
      return folder;
    },
  };
}
