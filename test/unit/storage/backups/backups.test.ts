import * as assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { nodeFileSystem, type FileSystem } from '../../../../server/src/base/fileSystem.ts';
import { savedRoots } from '../../../../server/src/storage/backups/backupManifest.ts';
import { unopenableOf } from '../../../../server/src/storage/backups/backupStore.ts';
import { headerJson } from '../../../../server/src/storage/journalFormat.ts';
import { encodeRecord } from '../../../../server/src/storage/recordCodec.ts';
import type { ConversationId } from '../../../../server/protocol/sessionEvents.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { openFilesUnder } from '../../../support/openFiles.ts';
import { FaultyFileSystem } from '../../../support/faultyFileSystem.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { message, StorageFixture, textsOf } from '../storageFixture.ts';
import { backupServiceOn, filesBelow, savedState, writeTree } from './backupWorld.ts';

const secrets = {
  token: 'the token of the door',
  'shellSecrets/one': 'a secret of a shell',
  'ptyHost/1-abc/token': 'another token',
  'cache/v1/models/content/x': 'cached',
  'index.sqlite': 'derived',
  'logs/pty-host.log': 'log',
  'commands/output/x': 'output of a command',
};

describe('backups', () => {
  let fixture: StorageFixture;
  let data: string;
  const parts = (): string[] => filesBelow(path.join(data, 'backups', 'v1', 'parts'));
  beforeEach(() => {
    fixture = new StorageFixture();
    data = fixture.dataFolder;
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  it('bring back conversations, settings and personas as they were, and an audit log that is gone, in a folder with any name', async () => {
    const { id } = await fixture.written(['first', 'zweite Nachricht ä']);
    writeTree(data, {
      'settings.json': '{"log.level":"info"}',
      'agents/mine.agent.md': '# Ü',
      'audit/1.jsonl': '{}\n',
    });
    const before = savedState(data, savedRoots);
    const world = backupServiceOn(data);
    const made = await world.create();
    fs.rmSync(path.join(data, 'conversations'), { recursive: true });
    writeTree(data, { 'settings.json': 'damaged', 'conversations/other/newer-one.journal': 'x\n' });
    fs.rmSync(path.join(data, 'audit'), { recursive: true });
    const result = await world.restore(made.id);
    assert.deepEqual(savedState(data, savedRoots), before);
    assert.deepEqual(result.removed, ['conversations/other/newer-one.journal']);
    assert.deepEqual(result.changed, ['settings.json']);
    assert.equal(result.added.length, 2);
    const journal = await fixture.store().open(id);
    assert.deepEqual(textsOf(journal.events()), ['first', 'zweite Nachricht ä']);
    assert.deepEqual([journal.access, journal.damage], ['write', []]);
  });

  it('can be taken back after they were restored', async () => {
    writeTree(data, { 'conversations/w/a-conversation.journal': 'one\n' });
    const world = backupServiceOn(data);
    const first = await world.create();
    writeTree(data, { 'conversations/w/a-conversation.journal': 'one\ntwo\n', 'settings.json': '{}' });
    const later = savedState(data);
    const { undoId } = await world.restore(first.id);
    assert.notDeepEqual(savedState(data), later);
    assert.ok(undoId);
    await world.restore(undoId);
    assert.deepEqual(savedState(data), later);
  });

  it('hold no token, no secret, and nothing that can be made anew', async () => {
    await fixture.written(['x']);
    writeTree(data, secrets);
    const made = await backupServiceOn(data).create();
    assert.deepEqual(
      made.files.map((file) => file.path.split('/')[0]),
      ['conversations'],
    );
    const all = parts().map((name) => fs.readFileSync(path.join(data, 'backups/v1/parts', name), 'utf8'));
    for (const secret of Object.values(secrets)) assert.ok(!all.some((text) => text.includes(secret)));
  });

  it('are for their owner alone', async function () {
    if (process.platform === 'win32') this.skip();
    await fixture.written(['x']);
    await backupServiceOn(data).create();
    const folder = path.join(data, 'backups');
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const { mode } = fs.statSync(path.join(entry.parentPath, entry.name));
      assert.equal(mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, entry.name);
    }
    assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
  });

  it('keep what has not changed only once, and of a journal that has grown only its end', async () => {
    const large = Buffer.alloc(200_000 * 18, 'line of a journal\n');
    writeTree(data, { 'conversations/w/large-one.journal': large, 'conversations/w/small-one.journal': 'same\n' });
    const world = backupServiceOn(data);
    await world.create();
    const before = parts();
    assert.ok(before.length > 2);
    fs.appendFileSync(path.join(data, 'conversations/w/large-one.journal'), 'more\n');
    await world.create();
    assert.equal(parts().length, before.length + 1);
    const { usedBytes, backups } = await world.service.list();
    assert.ok(usedBytes < backups.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) * 0.75);
  });

  it('are not made twice of the same state', async () => {
    await fixture.written(['x']);
    const world = backupServiceOn(data);
    const { id } = await world.create();
    assert.equal((await world.create('daily')).id, id);
    assert.equal((await world.service.list()).backups.length, 1);
  });

  it('take a journal that is being appended to up to its last whole record', async () => {
    const { id, file } = await fixture.written(['one', 'two']);
    const whole = fs.statSync(file).size;
    fs.appendFileSync(file, '500 12345678 {"sequence":3,"at":1');
    const made = await backupServiceOn(data).create();
    assert.equal(made.files[0]?.sizeBytes, whole);
    // A last record whose line break alone is damaged is whole.
    fs.truncateSync(file, whole - 1);
    fs.appendFileSync(file, '?');
    const again = await backupServiceOn(data).create();
    assert.equal(again.files[0]?.sizeBytes, whole);
    assert.ok(made.files[0].path.includes(id));
  });

  it('can be made while conversations are written to', async () => {
    const store = fixture.store();
    const journal = await store.create({ cwd: '/', workspaceFolders: [] });
    const over = new AbortController();
    const acknowledged: string[] = [];
    const writing = (async () => {
      for (let number = 0; !over.signal.aborted; number += 1) {
        const text = `${number} ${'x'.repeat(number % 2_000)}`;
        await journal.append([message(text)]);
        acknowledged.push(text);
      }
    })();
    const world = backupServiceOn(data);
    const made: [string, number][] = [];
    for (let round = 0; round < 8; round += 1) {
      const known = acknowledged.length;
      made.push([(await world.create()).id, known]);
    }
    over.abort();
    await writing;
    await store.dispose();
    for (const [id, known] of made) {
      await world.restore(id);
      const restored = await fixture.store({ dataFolder: data }).open(journal.header.conversationId);
      assert.deepEqual(restored.damage, []);
      assert.deepEqual(textsOf(restored.events()), acknowledged.slice(0, restored.events().length));
      assert.ok(restored.events().length >= known, 'every event acknowledged before is in it');
      await restored.close();
    }
  });

  it('say which of their files were damaged, and the next one is whole again', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n', 'conversations/w/other-one.journal': 'two\n' });
    const world = backupServiceOn(data);
    const first = await world.create();
    const name = first.files.find((file) => file.path.includes('some-one'))?.parts[0] ?? '';
    fs.writeFileSync(path.join(data, 'backups/v1/parts', name), 'ONE\n');
    const { backups } = await world.verify();
    assert.equal(backups[0]?.isGood, false);
    assert.match(backups[0].problems.join(), /some-one\.journal is damaged: part 1 is missing or was changed/);
    assert.equal((await world.service.list()).backups[0]?.status, 'damaged');
    await assert.rejects(world.restore(first.id), { reason: 'Unavailable', message: /is damaged/ });
    assert.ok(
      parts().some((part) => part.startsWith(`${name}.damaged-`)),
      'put aside',
    );
    const second = await world.create();
    assert.notEqual(second.id, first.id);
    assert.equal((await world.verify(second.id)).backups[0]?.isGood, true);
  });

  it('are not restored over files that cannot be saved first, and damage found while restoring changes nothing', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n' });
    const world = backupServiceOn(data);
    const first = await world.create();
    writeTree(data, { 'conversations/w/some-one.journal': 'one\ntwo\n' });
    const now = savedState(data);
    const name = first.files[0]?.parts[0] ?? '';
    fs.writeFileSync(path.join(data, 'backups/v1/parts', name), 'ONE\n');
    await assert.rejects(world.restore(first.id), { message: /was not restored: .*some-one.journal is damaged/ });
    assert.deepEqual(savedState(data), now);
  });

  it('never write outside of what is saved, whatever a manifest says', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n' });
    const world = backupServiceOn(data);
    const { id } = await world.create();
    const file = path.join(data, 'backups/v1/generations', `${id}.json`);
    for (const evil of [
      '../../evil',
      'conversations/../../evil',
      '/etc/evil',
      'token',
      'conversations\\..\\evil',
      'agents',
    ]) {
      const [line = ''] = fs.readFileSync(file, 'utf8').split('\n');
      const json = line.replace(/"path":"[^"]*"/, `"path":${JSON.stringify(evil)}`);
      fs.writeFileSync(file, `${json}\n${createHash('sha256').update(json).digest('hex')}\n`);
      assert.equal((await world.service.list()).backups[0]?.status, 'damaged', evil);
      await assert.rejects(world.restore(id), { reason: 'Unavailable' });
    }
    assert.ok(!fs.existsSync(path.join(fixture.folder, 'evil')));
  });

  it('refuse to be restored while another process uses the data folder, naming it', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n' });
    const other = backupServiceOn(data, {
      processes: {
        self: () => Promise.resolve({ pid: process.ppid, startedAt: '' }),
        isAlive: () => Promise.resolve(true),
      },
    });
    const world = backupServiceOn(data);
    world.service.start();
    other.service.start();
    await other.service.started(AbortSignal.timeout(5_000));
    const { id } = await world.create();
    const refused = { reason: 'Conflict', message: new RegExp(`Process ${process.ppid} uses this data folder`) };
    await assert.rejects(world.restore(id), refused);
    other.service.noteFolders(['/home/me/a project']);
    const named = `Process ${process.ppid} (/home/me/a project) uses this data folder`;
    await waitFor(
      'the open folder to be named',
      async () => (await world.compare(id)).hindrance?.startsWith(named) === true,
    );
    await other.service.dispose();
    await world.restore(id);
    await world.service.dispose();
    assert.deepEqual(filesBelow(path.join(data, 'servers')), []);
  });

  it('are restored by a server that has only just left its mark, on a slow disk too', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n' });
    const { id } = await backupServiceOn(data).create();
    const { promise: synced, resolve: sync } = Promise.withResolvers<undefined>();
    const running = path.join(data, 'servers', 'running');
    const slow: FileSystem = {
      ...nodeFileSystem,
      syncFolder: async (folder) => {
        if (folder === running) await synced;
        await nodeFileSystem.syncFolder(folder);
      },
    };
    const world = backupServiceOn(data, { fileSystem: slow });
    world.service.start();
    const restoring = world.restore(id);
    await waitFor('the mark', () => filesBelow(running).some((name) => !name.endsWith('.tmp')));
    sync(undefined);
    assert.equal((await restoring).id, id);
    await world.service.dispose();
  });

  it('refuse to be restored while another process holds a conversation', async () => {
    const { id } = await fixture.written(['x']);
    const world = backupServiceOn(data);
    const made = await world.create();
    const holder = { pid: process.ppid, startedAt: '' };
    const claim = `${id}.lock-${holder.pid}--0123456789ab`;
    fs.writeFileSync(path.join(fixture.conversationFolder(), claim), '');
    await assert.rejects(world.restore(made.id), { reason: 'Conflict', message: new RegExp(String(holder.pid)) });
  });

  it('say what a restore would change without changing anything', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n', 'settings.json': '{}' });
    const world = backupServiceOn(data);
    const { id } = await world.create();
    writeTree(data, { 'conversations/w/some-one.journal': 'two\n', 'agents/new.agent.md': 'x' });
    fs.rmSync(path.join(data, 'settings.json'));
    const now = savedState(data);
    const { undoId, added, changed, removed } = await world.compare(id);
    assert.deepEqual(
      [undoId, added, changed, removed],
      [null, ['settings.json'], ['conversations/w/some-one.journal'], ['agents/new.agent.md']],
    );
    assert.deepEqual(savedState(data), now);
    assert.equal((await world.service.list()).backups.length, 1);
  });

  it('are bounded in number and bytes: old ones go, the newest never does', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const limits = { days: 3, weeks: 2, manual: 2, upgrades: 1, restores: 1, maxBytes: 1_000_000 };
    const world = backupServiceOn(data, { clock, limits });
    for (let day = 0; day < 30; day += 1) {
      writeTree(data, { 'conversations/w/some-one.journal': `${'x'.repeat(1_000)}${day}\n` });
      await world.create('daily');
      clock.advance(86_400_000);
    }
    const kept = (await world.service.list()).backups;
    assert.deepEqual(
      kept.map(({ id }) => Number(id.slice(0, 6))),
      [30, 29, 28, 25],
    );
    assert.equal(parts().length, 4);
    writeTree(data, { 'conversations/w/some-one.journal': `${'y'.repeat(3_000_000)}\n` });
    await world.create('daily');
    assert.deepEqual(
      (await world.service.list()).backups.map(({ id }) => Number(id.slice(0, 6))),
      [31],
    );
  });

  it('stop when asked to, and leave nothing half', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n', 'conversations/w/other-one.journal': 'two\n' });
    const world = backupServiceOn(data);
    const stop = new AbortController();
    const onProgress = (done: number): void => (done === 1 ? stop.abort() : undefined);
    await assert.rejects(world.service.create('manual', { signal: stop.signal, onProgress }), { reason: 'Cancelled' });
    assert.deepEqual([parts(), (await world.service.list()).backups], [[], []]);
    assert.equal((await world.create()).files.length, 2);
  });

  it('carry over the last good copy of a file that cannot be read any more, and say so', async () => {
    writeTree(data, { 'conversations/w/some-one.journal': 'one\n', 'conversations/w/other-one.journal': 'two\n' });
    const first = await backupServiceOn(data).create();
    const faulty = new FaultyFileSystem();
    faulty.judge = (operation, _count, file) =>
      operation === 'read' && file.includes('some-one.journal') ? 'EIO' : undefined;
    fs.appendFileSync(path.join(data, 'conversations/w/some-one.journal'), 'more\n');
    const world = backupServiceOn(data, { fileSystem: faulty.fileSystem });
    const second = await world.create();
    assert.deepEqual(second.unreadable, [{ path: 'conversations/w/some-one.journal', code: 'EIO' }]);
    const copies = [first, second].map(({ files }) => files.find((file) => file.path.includes('some-one'))?.sha256);
    assert.equal(copies[0], copies[1]);
    assert.equal((await world.service.list()).backups[0]?.status, 'partial');
    await assert.rejects(world.restore(first.id), { message: /some-one.journal cannot be read \(EIO\)/ });
  });

  it('name journals that no conversation can be made of any more, and are not called good', async () => {
    const damaged = await fixture.written(['damaged']);
    const empty = await fixture.written(['empty']);
    await fixture.written(['whole']);
    const world = backupServiceOn(data);
    const good = await world.create();
    assert.deepEqual(unopenableOf(good), []);
    const bytes = fs.readFileSync(damaged.file);
    bytes[10] = (bytes[10] ?? 0) ^ 1;
    fs.writeFileSync(damaged.file, bytes);
    fs.truncateSync(empty.file);
    const made = await world.create();
    assert.deepEqual(
      unopenableOf(made).map((file) => path.basename(file)),
      [damaged.id, empty.id].map((id) => `${id}.journal`).sort(),
    );
    const { backups } = await world.service.list();
    assert.deepEqual(
      backups.map(({ status, conversations }) => [status, conversations]),
      [
        ['partial', 3],
        ['good', 3],
      ],
    );
    assert.deepEqual(unopenableOf(await world.create()), unopenableOf(made), 'the same one, nothing has changed');
  });

  it('do not take the journal of a newer program for a damaged one', async () => {
    const header = headerJson({
      conversationId: 'newer-one' as ConversationId,
      cwd: '/',
      createdAt: 1,
      workspaceFolders: [],
    });
    const newer = encodeRecord(header.replace('"version":1', '"version":99'));
    writeTree(data, { 'conversations/w/newer-one.journal': newer });
    assert.deepEqual(unopenableOf(await backupServiceOn(data).create()), []);
  });

  it('follow no link out of the data folder when what was replaced is removed', async function () {
    if (process.platform === 'win32') this.skip();
    const elsewhere = path.join(fixture.folder, 'elsewhere');
    writeTree(elsewhere, { 'w/some-one.journal': 'one\n' });
    fs.mkdirSync(data, { recursive: true });
    fs.symlinkSync(elsewhere, path.join(data, 'conversations'));
    const world = backupServiceOn(data);
    const { id } = await world.create();
    await world.restore(id);
    assert.equal(fs.readFileSync(path.join(elsewhere, 'w/some-one.journal'), 'utf8'), 'one\n');
    assert.ok(fs.lstatSync(path.join(data, 'conversations')).isDirectory());
  });
});
