import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CodedError } from '../../../../server/protocol/errors.ts';
import {
  manifestText,
  savedRoots,
  type BackupManifest,
} from '../../../../server/src/storage/backups/backupManifest.ts';
import { FaultyFileSystem } from '../../../support/faultyFileSystem.ts';
import { openFilesUnder } from '../../../support/openFiles.ts';
import { StorageFixture } from '../storageFixture.ts';
import { backupServiceOn, savedState, writeTree } from './backupWorld.ts';

const some = 'conversations/w/some-one.journal';
const other = 'conversations/w/other-one.journal';

describe('restoring a backup', () => {
  let fixture: StorageFixture;
  let data: string;
  beforeEach(() => {
    fixture = new StorageFixture();
    data = fixture.dataFolder;
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  const read = (relative: string): string => fs.readFileSync(path.join(data, relative), 'utf8');
  const saved = (): Record<string, string> => savedState(data, savedRoots);
  const partOf = ({ files }: BackupManifest, name: string): string => {
    const part = files.find((file) => file.path === name)?.parts[0] ?? assert.fail(`no ${name}`);
    return path.join(data, 'backups/v1/parts', part);
  };
  function damage(backup: BackupManifest, name: string): void {
    const file = partOf(backup, name);
    const bytes = fs.readFileSync(file);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    fs.writeFileSync(file, bytes);
  }

  describe('with an audit log beside it', () => {
    it('keeps every record that is newer, and files that the backup does not know', async () => {
      writeTree(data, { [some]: 'one\n', 'audit/a.jsonl': '1\n', 'audit/anchors/a.jsonl': 'x\n' });
      const world = backupServiceOn(data);
      const { id } = await world.create();
      writeTree(data, {
        [some]: 'two\n',
        'audit/a.jsonl': '1\n2\n',
        'audit/anchors/a.jsonl': 'x\ny\n',
        'audit/b.jsonl': 'newer\n',
        'audit/anchors/b.jsonl': 'z\n',
      });
      const log = savedState(data, ['audit']);
      const open = fs.openSync(path.join(data, 'audit/a.jsonl'), 'a');
      const { removed, changed } = await world.restore(id);
      fs.writeSync(open, '3\n');
      fs.closeSync(open);
      assert.deepEqual([removed, changed], [[], [some]]);
      assert.equal(read(some), 'one\n');
      assert.equal(read('audit/a.jsonl'), '1\n2\n3\n', 'who has it open writes where it can be found');
      delete log['audit/a.jsonl'];
      const later = savedState(data, ['audit']);
      delete later['audit/a.jsonl'];
      assert.deepEqual(later, log);
    });

    it('brings back what was cut or deleted', async () => {
      const files = { 'audit/a.jsonl': '1\n2\n', 'audit/anchors/a.jsonl': 'x\ny\n', 'audit/publicKeys/k.pem': 'key' };
      writeTree(data, { [some]: 'one\n', ...files });
      const world = backupServiceOn(data);
      const { id } = await world.create();
      const log = savedState(data, ['audit']);
      writeTree(data, { 'audit/a.jsonl': '1\n' });
      for (const gone of ['audit/anchors', 'audit/publicKeys']) fs.rmSync(path.join(data, gone), { recursive: true });
      const { added, changed } = await world.restore(id);
      assert.deepEqual([added.sort(), changed], [Object.keys(files).slice(1), ['audit/a.jsonl']]);
      assert.deepEqual(savedState(data, ['audit']), log);
    });

    it('takes no private key into a backup, and puts none back', async () => {
      writeTree(data, { [some]: 'one\n', 'audit/signingKey.pem': 'PRIVATE', 'audit/a.jsonl': '1\n' });
      const world = backupServiceOn(data);
      const made = await world.create();
      assert.deepEqual(made.files.map((file) => file.path).sort(), ['audit/a.jsonl', some]);
      await world.restore(made.id);
      assert.equal(read('audit/signingKey.pem'), 'PRIVATE');
    });

    it('names an early backup that holds the private key, and leaves the present key alone', async () => {
      writeTree(data, { [some]: 'one\n', 'audit/copied.pem': 'EARLY KEY' });
      const world = backupServiceOn(data);
      const made = await world.create();
      fs.rmSync(path.join(data, 'audit/copied.pem'));
      const asEarly = made.files.map((file) =>
        file.path === 'audit/copied.pem' ? { ...file, path: 'audit/signingKey.pem' } : file,
      );
      const generation = path.join(data, 'backups/v1/generations', `${made.id}.json`);
      fs.writeFileSync(generation, manifestText({ ...made, files: asEarly }));

      const [listed] = (await world.service.list()).backups;
      assert.match(listed?.notes.join() ?? '', /private key of the audit log/);
      assert.notEqual(listed?.status, 'damaged');
      const [verified] = (await world.verify()).backups;
      assert.deepEqual([verified?.isGood, verified?.problems, verified?.notes], [true, [], listed?.notes]);

      const keys: (string | undefined)[] = [];
      for (const key of ['PRESENT', undefined]) {
        if (key === undefined) fs.rmSync(path.join(data, 'audit/signingKey.pem'));
        else writeTree(data, { 'audit/signingKey.pem': key });
        writeTree(data, { [some]: 'two\n' });
        await world.restore(made.id);
        assert.equal(read(some), 'one\n');
        keys.push(fs.existsSync(path.join(data, 'audit/signingKey.pem')) ? read('audit/signingKey.pem') : undefined);
      }
      assert.deepEqual(keys, ['PRESENT', undefined]);
      const [latest] = (await world.service.list()).backups;
      assert.deepEqual([latest?.id === made.id, latest?.notes], [false, []]);
    });

    it('is recorded there before it is done and when it is, and so is the making of a backup', async () => {
      writeTree(data, { [some]: 'one\n' });
      const world = backupServiceOn(data);
      const { id } = await world.create();
      await world.create();
      const { undoId } = await world.restore(id);
      assert.deepEqual(
        world.audit.events.map(({ kind, outcome, details }) => [kind, outcome, details['id'], details['undoId']]),
        [
          ['backup.created', undefined, id, undefined],
          ['backup.restored', 'begun', id, undoId],
          ['backup.restored', 'done', id, undoId],
        ],
      );
    });

    it('is recorded there by the server that finishes what another one began', async () => {
      writeTree(data, {
        [some]: 'now\n',
        [`backups/restoring/new/${some}`]: 'then\n',
        'backups/restoring.json': JSON.stringify({
          backupId: 'first',
          undoId: 'second',
          entries: [{ name: some, isNew: true, isOld: true }],
        }),
      });
      const world = backupServiceOn(data);
      world.service.start();
      await world.service.started(AbortSignal.timeout(5_000));
      await world.service.dispose();
      assert.equal(read(some), 'then\n');
      assert.deepEqual(world.audit.events, [
        { kind: 'backup.restored', outcome: 'done', details: { id: 'first', undoId: 'second' } },
      ]);
    });

    it('is not done where that cannot be recorded', async () => {
      writeTree(data, { [some]: 'one\n' });
      const world = backupServiceOn(data);
      const { id } = await world.create();
      writeTree(data, { [some]: 'two\n' });
      const now = saved();
      world.audit.refusal = new CodedError('Unavailable', 'No record, no deed.');
      await assert.rejects(world.restore(id), { reason: 'Unavailable', message: 'No record, no deed.' });
      assert.deepEqual(saved(), now);
    });

    it('goes on although a file of that log cannot be read, since it is not replaced', async () => {
      writeTree(data, { [some]: 'one\n', 'audit/a.jsonl': '1\n' });
      const { id } = await backupServiceOn(data).create();
      writeTree(data, { [some]: 'two\n', 'audit/a.jsonl': '1\n2\n' });
      const faulty = new FaultyFileSystem();
      faulty.judge = (operation, _count, file) =>
        operation === 'read' && file.endsWith('audit/a.jsonl') ? 'EIO' : undefined;
      await backupServiceOn(data, { fileSystem: faulty.fileSystem }).restore(id);
      assert.deepEqual([read(some), read('audit/a.jsonl')], ['one\n', '1\n2\n']);
    });
  });

  describe('of which some files are damaged', () => {
    it('is refused with what to do, and a new backup mends it where the file still is what it was', async () => {
      writeTree(data, { [some]: 'one\n', 'audit/a.jsonl': '1\n' });
      const world = backupServiceOn(data);
      const first = await world.create();
      writeTree(data, { [other]: 'two\n' });
      damage(first, some);
      const now = saved();
      await assert.rejects(world.restore(first.id), {
        reason: 'Unavailable',
        message: /some-one\.journal is damaged.*Nothing was changed.*--skip-damaged.*make a new backup first/,
      });
      assert.deepEqual(saved(), now);
      await world.create();
      assert.deepEqual((await world.service.list()).backups.map(({ status }) => status).includes('damaged'), false);
      await world.restore(first.id);
      assert.equal(read(some), 'one\n');
    });

    it('restores what is whole when asked to: the damaged ones stay as they are, and are named', async () => {
      writeTree(data, { [some]: 'one\n', [other]: 'one\n1\n', 'settings.json': '{"a":1}', 'agents/x.agent.md': 'x' });
      const world = backupServiceOn(data);
      const first = await world.create();
      writeTree(data, { [some]: 'changed\n', [other]: 'changed too\n', 'settings.json': '{"b":2}' });
      for (const name of [some, 'settings.json', 'agents/x.agent.md']) damage(first, name);
      fs.rmSync(path.join(data, 'agents'), { recursive: true });
      const expected = ['agents/x.agent.md', some, 'settings.json'];
      const preview = await world.compare(first.id, { skipDamaged: true });
      assert.deepEqual([preview.damaged.sort(), preview.changed, preview.added], [expected, [other], []]);
      const before = saved();
      const { damaged, changed, undoId } = await world.restore(first.id, { skipDamaged: true });
      assert.deepEqual([damaged.sort(), changed], [expected, [other]]);
      assert.deepEqual([read(some), read(other), read('settings.json')], ['changed\n', 'one\n1\n', '{"b":2}']);
      assert.ok(!fs.existsSync(path.join(data, 'agents/x.agent.md')));
      await world.restore(undoId ?? '');
      assert.deepEqual(saved(), before);
    });

    it('is not kept from being restored by a damaged audit file, which stays as it is', async () => {
      writeTree(data, { [some]: 'one\n', 'audit/a.jsonl': '1\n' });
      const world = backupServiceOn(data);
      const first = await world.create();
      writeTree(data, { [some]: 'two\n' });
      damage(first, 'audit/a.jsonl');
      const { damaged } = await world.restore(first.id);
      assert.deepEqual([damaged, read(some), read('audit/a.jsonl')], [[], 'one\n', '1\n']);
    });
  });

  describe('for one conversation', () => {
    const sessionId = 'some-one';

    it('puts that back and nothing else, and that can be taken back', async () => {
      writeTree(data, { [some]: 'one\n', [other]: 'one\n1\n', 'settings.json': '{}' });
      const world = backupServiceOn(data);
      const { id } = await world.create();
      writeTree(data, { [some]: 'two\n', [other]: 'two\n2\n', 'settings.json': '{"a":1}' });
      const before = saved();
      assert.deepEqual((await world.compare(id, { sessionId })).changed, [some]);
      const result = await world.restore(id, { sessionId });
      assert.deepEqual([result.added, result.changed, result.removed], [[], [some], []]);
      assert.deepEqual([read(some), read(other)], ['one\n', 'two\n2\n']);
      await world.restore(result.undoId ?? '', { sessionId });
      assert.deepEqual(saved(), before);
    });

    it('brings one back that was deleted, with its folder', async () => {
      writeTree(data, { [some]: 'one\n' });
      const world = backupServiceOn(data);
      const { id } = await world.create();
      fs.rmSync(path.join(data, 'conversations'), { recursive: true });
      assert.deepEqual((await world.restore(id, { sessionId })).added, [some]);
      assert.equal(read(some), 'one\n');
    });

    it('is refused where the backup has no such conversation, or a damaged one', async () => {
      writeTree(data, { [some]: 'one\n', [other]: 'one\n1\n' });
      const world = backupServiceOn(data);
      const first = await world.create();
      damage(first, some);
      await assert.rejects(world.restore(first.id, { sessionId: 'nobody-at-all' }), { reason: 'NotFound' });
      const now = saved();
      await assert.rejects(world.restore(first.id, { sessionId, skipDamaged: true }), {
        reason: 'Unavailable',
        message: /Make a new backup first/,
      });
      assert.deepEqual(saved(), now);
      await world.restore(first.id, { sessionId: 'other-one' });
    });
  });

  it('says beforehand what stands in its way', async () => {
    writeTree(data, { [some]: 'one\n' });
    let isBusy = true;
    const refuseWhileBusy = (): void => {
      if (isBusy) throw new CodedError('Conflict', 'A turn is running.');
    };
    const world = backupServiceOn(data, { refuseWhileBusy });
    const { id } = await world.create();
    assert.equal((await world.compare(id)).hindrance, 'A turn is running.');
    isBusy = false;
    assert.equal((await world.compare(id)).hindrance, null);
  });
});
