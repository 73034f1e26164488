import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { savedRoots } from '../../../server/src/storage/backups/backupManifest.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { backupServiceOn, filesBelow, savedState, writeTree } from '../../unit/storage/backups/backupWorld.ts';
import { StorageFixture } from '../../unit/storage/storageFixture.ts';
import { FailingFileSystem, faultKinds, type FaultKind } from './failingFileSystem.ts';

const retryLimitMs = 20_000;
/** Errors take the same way through the program whatever they are: one kind goes through every n, others through some. */
const stepOf = (kind: FaultKind): number =>
  process.env['STORAGE_EVERY_FAULT'] !== undefined || kind === 'EIO' || kind === 'torn' || kind === 'unseen' ? 1 : 5;

describe('backups on a disk of which the n-th operation fails', function () {
  this.timeout(240_000);
  let fixture: StorageFixture;
  let template: string;
  let restoredState: Record<string, string>;
  before(async () => {
    fixture = new StorageFixture();
    template = fixture.dataFolder;
    writeTree(template, {
      'conversations/w ä/first-one.journal': 'one\n',
      'conversations/w ä/second-one.journal': 'two\n',
      'settings.json': '{}',
      'audit/a.jsonl': '1\n2\n',
    });
    await backupServiceOn(template).create();
    restoredState = stateIn(template);
    writeTree(template, { 'conversations/w ä/first-one.journal': 'one\nmore\n', 'agents/mine.agent.md': 'x' });
    fs.rmSync(path.join(template, 'settings.json'));
    // Single files are exchanged beside whole folders, too.
    writeTree(template, { 'audit/a.jsonl': '1\n' });
  });
  after(() => {
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  function copyOfTemplate(): string {
    const data = path.join(fixture.folder, 'copy');
    fs.rmSync(data, { recursive: true, force: true });
    fs.cpSync(template, data, { recursive: true });
    return data;
  }

  for (const kind of faultKinds) {
    it(`are made whole or not at all (${kind}), and the next one is made`, async () => {
      let failures = 0;
      for (let at = 1; ; at += stepOf(kind)) {
        const data = copyOfTemplate();
        const before = stateIn(data);
        const failing = new FailingFileSystem(at, kind);
        const { service, create } = backupServiceOn(data, { fileSystem: failing.fileSystem });
        const error = await failureOf(create());
        await service.dispose();
        if (failing.operations < at) break;
        if (error !== undefined) {
          failures += 1;
          assert.match(error.message, /\(E\w+\)\. \w+/, 'says what to do next');
        }
        assert.deepEqual(stateIn(data), before);
        await assertGood(data);
        const next = await backupServiceOn(data).create();
        assert.deepEqual(stateOf(next.files), before);
        await assertGood(data);
        assert.deepEqual(
          filesBelow(path.join(data, 'backups')).filter(
            (name) => name.endsWith('.tmp') && !name.includes('generations'),
          ),
          [],
        );
      }
      assert.ok(failures > 2);
    });

    it(`are restored whole or not at all (${kind}), and the next restore works`, async () => {
      let [failures, successes] = [0, 0];
      for (let at = 1; ; at += stepOf(kind)) {
        const data = copyOfTemplate();
        const before = stateIn(data);
        const [first] = (await backupServiceOn(data).service.list()).backups;
        const id = first?.id ?? '';
        const failing = new FailingFileSystem(at, kind);
        const { service, restore } = backupServiceOn(data, { fileSystem: failing.fileSystem });
        const error = await failureOf(restore(id));
        await service.dispose();
        if (failing.operations < at) break;
        if (error === undefined) successes += 1;
        else failures += 1;
        const later = await reopened(data);
        const restored = restoredState;
        const isRestored = isDeepStrictEqual(later, restored);
        assert.ok(isRestored || isDeepStrictEqual(later, before), `neither before nor after, at operation ${at}`);
        if (error === undefined) assert.ok(isRestored, `not restored although it was said to be, at operation ${at}`);
        await backupServiceOn(data).restore(id);
        assert.deepEqual(stateIn(data), restored);
        await assertGood(data);
      }
      assert.ok(failures > 2 && successes > 0);
    });
  }

  /** The state as the next server finds it, which finishes what was begun. */
  async function reopened(data: string): Promise<Record<string, string>> {
    const { service } = backupServiceOn(data);
    service.start();
    await service.started(AbortSignal.timeout(retryLimitMs));
    await service.dispose();
    assert.ok(!fs.existsSync(path.join(data, 'backups/restoring.json')));
    return stateIn(data);
  }

  async function assertGood(data: string): Promise<void> {
    const { backups } = await backupServiceOn(data).verify();
    assert.ok(backups.length > 0);
    assert.deepEqual(
      backups.filter(({ isGood }) => !isGood),
      [],
    );
  }
});

function stateIn(data: string): Record<string, string> {
  return savedState(data, savedRoots);
}

function stateOf(files: readonly { path: string; sha256: string }[]): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file.path, file.sha256]));
}

async function failureOf(work: Promise<unknown>): Promise<Error | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
}
