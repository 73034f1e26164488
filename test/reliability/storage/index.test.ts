import * as assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeFileSystem, type FileSystem } from '../../../server/src/base/fileSystem.ts';
import { eventually } from '../../support/eventually.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';
import { bundleWorker, IndexFixture, loadSqlJs, wasmFile } from '../../unit/storage/indexFixture.ts';
import { RecordingFileSystem, type Fault, type Luck } from './recordingFileSystem.ts';

const rounds = Number(process.env['INDEX_KILL_ROUNDS'] ?? 15);
const processes = 10;
/** Types are stripped by Node itself here, of which it would warn. */
const quiet = '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON';
const lucks: Readonly<Record<string, Luck>> = {
  'nothing unsynced was written': () => 0,
  'everything unsynced was written': (unsynced) => unsynced,
  'half of what was unsynced was written': (unsynced) => unsynced >> 1,
};

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

describe('the index under failures', function () {
  this.timeout(180_000);
  let fixture: IndexFixture;
  let indexFile: string;
  const children: Child[] = [];
  before(async () => {
    await Promise.all([bundleWorker(), loadSqlJs()]);
  });
  beforeEach(() => {
    fixture = new IndexFixture();
    indexFile = path.join(fixture.dataFolder, 'index.sqlite');
  });
  afterEach(async () => {
    const alive = children.splice(0).filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    for (const child of alive) child.kill('SIGKILL');
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
    assert.deepEqual(alive, []);
  });

  const write = (folder: string, count: number) =>
    writeConversations(
      fixture.dataFolder,
      folder,
      Array.from({ length: count }, (_, number) => ({
        updates: turnUpdates({ id: 'a', question: `Question ${number}`, answer: 'Some words' }),
      })),
    );

  function start(program: string, args: readonly string[]): { child: Child; said: () => string; errors: () => string } {
    const file = path.join(import.meta.dirname, program);
    const child = spawn(process.execPath, [quiet, file, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    children.push(child);
    let [out, errors] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    return { child, said: () => out, errors: () => errors };
  }

  it(`answers ${processes} processes that open it at the same moment, and one of them saves it`, async () => {
    write(fixture.folder, 200);
    const args = [fixture.dataFolder, await bundleWorker(), wasmFile, 'words'];
    const all = Array.from({ length: processes }, () => start('indexingProcess.ts', args));
    await eventually('all are ready', () => all.every(({ said }) => said().includes('ready')), 60_000);
    for (const { child } of all) child.stdin.write('go\n');
    await eventually('all have answered', () => all.every(({ said }) => said().includes('found')), 60_000);
    for (const { said, errors } of all) assert.match(said(), /found 200\n/, errors());
    await eventually('it is saved', () => fs.existsSync(indexFile), 20_000);
    const locks = fs.readdirSync(fixture.dataFolder).filter((name) => name.startsWith('index.lock-'));
    assert.equal(locks.length, 1);
    for (const { child } of all) child.stdin.write('end\n');
    await Promise.all(
      all.map(async ({ child }) => {
        if (child.exitCode === null) await once(child, 'close');
      }),
    );
    assert.deepEqual(fs.readdirSync(fixture.dataFolder).sort(), ['conversations', 'index.sqlite']);
    const engine = await fixture.caughtUp();
    assert.deepEqual([engine.startedFrom, engine.isDirty], ['saved', false]);
    for (const { errors } of all) assert.equal(errors(), '');
  });

  it(`is whole, or as it was, after ${rounds} kill -9 while it is saved`, async () => {
    let interrupted = 0;
    write(fixture.folder, 300);
    for (let round = 1; round <= rounds; round += 1) {
      write(path.join(fixture.folder, 'other'), 5);
      const { child, said, errors } = start('savingProcess.ts', [fixture.dataFolder, wasmFile]);
      const closed = once(child, 'close');
      await eventually('it has saved once', () => said().includes('saved'), 30_000);
      // The moment of the kill is what is random here: this is no wait for something to happen.
      await sleep(Math.random() * 40);
      child.kill('SIGKILL');
      await closed;
      assert.equal(errors(), '');
      if (said().endsWith('saving\n')) interrupted += 1;
      const engine = await fixture.caughtUp();
      assert.deepEqual([engine.startedFrom, engine.conversations().length], ['saved', 300 + 5 * round]);
      engine.close();
    }
    assert.ok(interrupted > 0);
    await (await fixture.caughtUp()).save(() => undefined);
    assert.deepEqual(fs.readdirSync(fixture.dataFolder).sort(), ['conversations', 'index.sqlite']);
  });

  /** Saves, changes, saves again, on a file system that fails at one operation; answers whether each save succeeded. */
  async function saveTwice(run: IndexFixture, fileSystem: RecordingFileSystem): Promise<boolean[]> {
    const engine = await run.engine({ fileSystem });
    const results: boolean[] = [];
    for (const count of [3, 2]) {
      const place = path.join(run.folder, `workspace ${count}`);
      const updates = turnUpdates({ id: 'a', question: 'Question', answer: 'Some words' });
      // Journals stand on the real disk; the fault is to hit the index.
      const conversations = Array.from({ length: count }, () => ({ updates }));
      writeConversations(run.dataFolder, place, conversations);
      const journals = await run.engine();
      await journals.catchUp(() => undefined);
      results.push(
        await engine
          .save(() => undefined)
          .then(
            () => true,
            () => false,
          ),
      );
    }
    return results;
  }

  async function failAtEach(
    fault: Omit<Fault, 'at'>,
    check: (run: IndexFixture, fileSystem: RecordingFileSystem, results: boolean[]) => Promise<void>,
  ): Promise<number> {
    for (let at = 1; ; at += 1) {
      const run = new IndexFixture();
      try {
        fs.mkdirSync(run.dataFolder);
        const fileSystem = new RecordingFileSystem(run.dataFolder, { at, ...fault });
        await check(run, fileSystem, await saveTwice(run, fileSystem));
        if (fileSystem.counted < at) return at;
      } finally {
        await run.close();
        run.remove();
      }
    }
  }

  for (const [outcome, luck] of Object.entries(lucks)) {
    it(`is the one before or the one after if the power goes at any operation of a save and ${outcome}`, async () => {
      const runs = await failAtEach({ kind: 'powerLoss' }, async (run, fileSystem, results) => {
        const dataFolder = path.join(run.folder, 'survivors');
        fileSystem.writeSurvivors(dataFolder, luck);
        const after = await run.engine({ dataFolder });
        assert.notEqual(after.startedFrom, 'damaged');
        if (results[0]) assert.equal(after.startedFrom, 'saved');
      });
      assert.ok(runs > 10);
    });
  }

  for (const kind of ['EIO', 'ENOSPC'] as const) {
    it(`works on after any one operation of a save failed with ${kind}`, async () => {
      let failed = 0;
      const runs = await failAtEach({ kind }, async (run, _fileSystem, results) => {
        if (results.includes(false)) failed += 1;
        const after = await run.engine();
        assert.notEqual(after.startedFrom, 'damaged');
        await after.catchUp(() => undefined);
        assert.equal(after.search('words', 50, undefined).length, 5);
        await after.save(() => undefined);
        assert.equal((await run.engine()).startedFrom, 'saved');
      });
      assert.ok(failed > 5 && runs > 10, `${failed} of ${runs} failed`);
    });
  }

  it('forgets nothing if any one stat, list or read fails while it is loaded, caught up and saved', async () => {
    const updates = turnUpdates({ id: 'a', question: 'Question', answer: 'Some words' });
    let failed = 0;
    for (let at = 1; ; at += 1) {
      const run = new IndexFixture();
      try {
        writeConversations(run.dataFolder, run.folder, Array(3).fill({ updates }));
        await (await run.caughtUp()).save(() => undefined);
        writeConversations(run.dataFolder, path.join(run.folder, 'other'), Array(2).fill({ updates }));
        const fileSystem = new RecordingFileSystem(run.dataFolder, { at, kind: 'EIO', among: 'looks' });
        const engine = await run.caughtUp({ fileSystem: readingUnrecorded(fileSystem) });
        const found = engine.search('words', 50, undefined).length;
        if (found < 5) failed += 1;
        await engine.catchUp(() => undefined);
        assert.equal(engine.search('words', 50, undefined).length, 5, `EIO at look ${at}`);
        await (await run.caughtUp()).save(() => undefined);
        assert.equal((await run.caughtUp()).search('words', 50, undefined).length, 5, `EIO at look ${at}`);
        if (fileSystem.counted < at) break;
      } finally {
        await run.close();
        run.remove();
      }
    }
    assert.ok(failed > 3, `${failed} failed`);
  });
});

/** With the looks of another one, at files that were there before. */
function readingUnrecorded(recording: RecordingFileSystem): FileSystem {
  return {
    ...nodeFileSystem,
    stat: (file) => recording.stat(file),
    list: (folder) => recording.list(folder),
    open: async (file, mode) => {
      const open = await nodeFileSystem.open(file, mode);
      return { ...open, read: (into, position) => recording.looked(() => open.read(into, position)) };
    },
  };
}
