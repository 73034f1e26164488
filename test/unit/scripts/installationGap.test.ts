import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { installationGap } from '../../../scripts/bootstrap.mjs';

describe('the check of the installed dependencies', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'ada-gap-'));
    await fs.mkdir(path.join(folder, 'node_modules'));
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  const writeLock = (file: string, packages: Record<string, unknown>) =>
    fs.writeFile(path.join(folder, file), JSON.stringify({ lockfileVersion: 3, packages }));
  const wanted = { '': { name: 'root' }, 'node_modules/a': { version: '1.0.0' } };

  it('finds nothing to do when everything is there', async () => {
    await writeLock('package-lock.json', wanted);
    await writeLock('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } });
    assert.equal(installationGap(folder), undefined);
  });

  it('asks for an installation when there has been none, or one that was interrupted', async () => {
    await writeLock('package-lock.json', wanted);
    assert.match(installationGap(folder) ?? '', /not installed yet/);
  });

  it('notices a package of another version, and one that is missing', async () => {
    await writeLock('package-lock.json', wanted);
    await writeLock('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.1' } });
    assert.equal(installationGap(folder), 'a 1.0.0 is missing');
    await writeLock('node_modules/.package-lock.json', {});
    assert.equal(installationGap(folder), 'a 1.0.0 is missing');
  });

  it('does not miss what is meant for another platform', async () => {
    await writeLock('package-lock.json', { ...wanted, 'node_modules/b-win32': { version: '2.0.0', optional: true } });
    await writeLock('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } });
    assert.equal(installationGap(folder), undefined);
  });

  it('does not take a damaged record of the installation for one', async () => {
    await writeLock('package-lock.json', wanted);
    await fs.writeFile(path.join(folder, 'node_modules', '.package-lock.json'), '{"packages": {');
    assert.match(installationGap(folder) ?? '', /not installed yet/);
  });
});
