import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { systemClock, type Clock } from '../../../server/src/base/clock.ts';
import { nodeFileSystem, type FileSystem } from '../../../server/src/base/fileSystem.ts';
import type { ConversationIndex } from '../../../server/src/storage/index/conversationIndex.ts';
import { eventually } from '../../support/eventually.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';
import { bundleWorker, IndexFixture, wasmFile } from './indexFixture.ts';
import { message } from './storageFixture.ts';

/** Time in which half a minute, after which changes are saved, is over at once. */
const hasty: Clock = { now: () => Date.now(), after: (ms, run) => systemClock.after(ms === 30_000 ? 50 : ms, run) };

describe('conversation index', function () {
  this.timeout(60_000);
  let fixture: IndexFixture;
  let indexFile: string;
  before(bundleWorker);
  beforeEach(() => {
    fixture = new IndexFixture();
    indexFile = path.join(fixture.dataFolder, 'index.sqlite');
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    const left = fs.readdirSync(fixture.folder, { recursive: true }).filter((name) => String(name).includes('.lock-'));
    assert.deepEqual(left, []);
    fixture.remove();
  });

  const write = (count: number, text = 'words') =>
    writeConversations(
      fixture.dataFolder,
      fixture.folder,
      Array.from({ length: count }, (_, index) => ({
        updates: turnUpdates({ id: 'a', question: `Question ${index}`, answer: `Some ${text} about ${index}` }),
        at: 1_700_000_000_000 + index * 60_000,
        modifiedAt: 1_700_000_000_000 + index * 60_000,
      })),
    );
  const slowMachineMs = 30_000;
  /** Asks until the index is complete, as a busy machine may take longer to build it than an answer waits. */
  async function search(index: ConversationIndex, query: string) {
    let answer = await index.search(query, 50, undefined);
    await eventually(
      'the index is complete',
      async () => answer.isComplete || (answer = await index.search(query, 50, undefined)).isComplete,
      slowMachineMs,
    );
    return answer.result;
  }
  const saved = () => eventually('the index is saved', () => fs.existsSync(indexFile), slowMachineMs);

  it('starts once for a hundred callers that come at the same time, and answers all of them whole', async () => {
    const { workspace } = write(300);
    let threads = 0;
    const index = fixture.index();
    const create = Reflect.get(index, 'createThread') as () => unknown;
    Reflect.set(index, 'createThread', function (this: unknown) {
      threads += 1;
      return create.call(this);
    });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, caller) =>
        caller % 2 === 0
          ? search(index, '"about 299"').then(({ length }) => length)
          : search(index, 'words').then(() => (index.loadedRows(workspace)?.size === 300 ? 1 : 0)),
      ),
    );
    assert.deepEqual(new Set(answers), new Set([1]));
    assert.equal(threads, 1);
  });

  it('loads nothing before somebody asks, however much is written', async () => {
    const index = fixture.index();
    const store = fixture.store({ index });
    const journal = await store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
    await journal.append([message('one')]);
    assert.equal((await store.list([fixture.folder])).length, 1);
    assert.equal(index.loadedRows(path.basename(fixture.conversationFolder())), undefined);
    assert.equal(fs.existsSync(indexFile), false);
  });

  it('finds what was just appended, renamed and deleted by this process', async () => {
    const index = fixture.index();
    const store = fixture.store({ index });
    assert.deepEqual(await search(index, 'gizmo'), []);
    const journal = await store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
    await journal.append([message('a gizmo')]);
    assert.equal((await search(index, 'gizmo')).length, 1);
    await journal.append([{ sessionUpdate: 'session_info_update', title: 'Thing' }]);
    assert.equal((await search(index, 'thing'))[0]?.conversation.title, 'Thing');
    await store.delete(journal.header.conversationId);
    assert.deepEqual(await search(index, 'gizmo'), []);
  });

  it('knows a title that was given in the middle of a long conversation, and the list shows it', async () => {
    const much = { question: 'Why?', answer: 'y'.repeat(100_000) };
    const titled = (title: string) => [{ sessionUpdate: 'session_info_update', title }] as const;
    const updates = [
      ...titled('Why?'),
      ...turnUpdates({ id: 'a', ...much }),
      ...titled('Given later'),
      ...turnUpdates({ id: 'b', ...much }),
    ];
    const at = 1_700_000_000_000;
    writeConversations(fixture.dataFolder, fixture.folder, [{ updates, at, modifiedAt: at }]);
    const index = fixture.index();
    assert.equal((await search(index, 'why')).length > 0, true);
    const [listed] = await fixture.store({ index }).list([fixture.folder]);
    assert.equal(listed?.title, 'Given later');
  });

  it('finds what another process wrote a moment ago', async () => {
    write(3);
    const index = fixture.index();
    assert.equal((await search(index, 'words')).length, 3);
    write(2, 'others');
    await eventually('the news', async () => (await search(index, 'others')).length === 2, slowMachineMs);
  });

  it('saves what it has built, and begins with that the next time', async () => {
    write(20);
    await search(fixture.index(), 'words');
    await saved();
    await fixture.close();
    assert.match(fixture.logged.lines.join('\n'), /because=missing/);
    fixture.logged.lines.length = 0;
    assert.equal((await search(fixture.index(), '"about 7"')).length, 1);
    assert.doesNotMatch(fixture.logged.lines.join('\n'), /built from the journals/);
  });

  it('is built anew when it was deleted or damaged, while it answers from the journals', async () => {
    write(20);
    await search(fixture.index(), 'words');
    await saved();
    await fixture.close();
    for (const harm of [
      () => fs.rmSync(indexFile),
      () => fs.truncateSync(indexFile, 5_000),
      () => fs.writeFileSync(indexFile, 'nothing'),
    ]) {
      harm();
      assert.equal((await search(fixture.index(), '"about 7"')).length, 1);
      const isWhole = (): boolean => fs.existsSync(indexFile) && fs.statSync(indexFile).size > 20_000;
      await eventually('it is whole again', isWhole, slowMachineMs);
      await fixture.close();
    }
  });

  it('leaves saving to the process that holds the lock, and takes over when that one ends', async () => {
    write(5);
    const first = fixture.index({ clock: hasty });
    await search(first, 'words');
    await saved();
    const second = fixture.index({ clock: hasty });
    const store = fixture.store({ index: second });
    await search(second, 'words');
    const before = fs.statSync(indexFile).mtimeMs;
    const journal = await store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
    await journal.append([message('later')]);
    await search(second, 'later');
    await first.dispose();
    await eventually('the second has saved', () => fs.statSync(indexFile).mtimeMs > before, slowMachineMs);
    assert.equal((await fixture.caughtUp()).startedFrom, 'saved');
  });

  it('saves a large index by a second thread, and answers throughout', async () => {
    const { workspace } = write(60, 'word '.repeat(30_000));
    const index = fixture.index({ clock: hasty });
    const store = fixture.store({ index });
    await search(index, 'word');
    await saved();
    const before = fs.statSync(indexFile).mtimeMs;
    assert.ok(fs.statSync(indexFile).size > 4 * 1024 * 1024);
    const journal = await store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
    let number = 0;
    await eventually(
      'it is saved again',
      async () => {
        number += 1;
        await journal.append([{ ...message(`number${number}`), messageId: `m${number}` }]);
        const { result, isComplete } = await index.search(`number${number}`, 1, workspace);
        assert.deepEqual([result.length, isComplete], [1, true]);
        return fs.statSync(indexFile).mtimeMs > before;
      },
      slowMachineMs,
    );
    assert.equal((await search(index, `number${number}`)).length, 1);
  });

  it('lists many conversations as their journals say, whatever is written, claimed or deleted meanwhile', async () => {
    const { folder, ids } = write(700);
    const index = fixture.index();
    const [mine, theirs] = [fixture.store({ index }), fixture.store()];
    const listed = async () =>
      (await mine.list([fixture.folder])).map(({ conversationId, title }) => `${conversationId} ${title}`);
    const direct = async () =>
      (await theirs.list([fixture.folder])).map(({ conversationId, title }) => `${conversationId} ${title}`);
    assert.equal((await listed()).length, 700);
    await search(index, 'words');
    assert.deepEqual(await listed(), await direct());
    const other = await theirs.open(ids[3]!);
    await other.append([{ sessionUpdate: 'session_info_update', title: 'By another process' }]);
    const own = await mine.open(ids[4]!);
    await own.append([{ sessionUpdate: 'session_info_update', title: 'By this one' }]);
    fs.rmSync(path.join(folder, `${ids[5]}.journal`));
    const created = await theirs.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
    await created.append([message('New by another')]);
    assert.deepEqual(await listed(), await direct());
    assert.deepEqual(
      (await listed()).slice(0, 3).sort(),
      [
        `${created.header.conversationId} New by another`,
        `${ids[3]} By another process`,
        `${ids[4]} By this one`,
      ].sort(),
    );
    assert.equal(
      (await mine.list([fixture.folder])).find(({ conversationId }) => conversationId === ids[3])?.lockedElsewhere,
      true,
    );
    assert.equal((await mine.list([fixture.folder])).at(-1)?.details?.model, 'ollama/test');
  });

  for (const what of ['its WebAssembly', 'the code of its thread'] as const) {
    it(`never fails a list while ${what} is missing; a search says what is wrong, and it heals`, async () => {
      write(600);
      let now = Date.now();
      const clock: Clock = { now: () => now, after: (ms, run) => systemClock.after(ms, run) };
      const missing = path.join(fixture.folder, 'missing');
      const isWasm = what === 'its WebAssembly';
      const index = fixture.index({ clock, [isWasm ? 'wasmFile' : 'workerFile']: missing });
      const store = fixture.store({ index });
      assert.equal((await store.list([fixture.folder])).length, 600);
      await assert.rejects(index.search('words', 5, undefined), { reason: 'Unavailable', message: /nothing is lost/ });
      assert.equal((await store.list([fixture.folder])).length, 600);
      assert.match(fixture.troubles.at(-1) ?? '', /does not work/);
      fs.copyFileSync(isWasm ? wasmFile : await bundleWorker(), missing);
      now += 61_000;
      assert.equal((await search(index, '"about 7"')).length, 1);
      assert.equal(fixture.troubles.at(-1), undefined);
    });
  }

  it('starts another thread when one dies, and goes on', async () => {
    write(10);
    const index = fixture.index();
    await search(index, 'words');
    const thread = Reflect.get(index, 'thread') as { worker: { postMessage: (message: object) => void } };
    // A question that the database chokes on ends the thread, as damage in memory would.
    thread.worker.postMessage({ id: 4_711, method: 'usage', params: { fromDay: {}, toDay: {} } });
    await eventually('it died', () => Reflect.get(index, 'thread') !== thread);
    assert.equal((await search(index, '"about 7"')).length, 1);
  });

  it('answers and lists on a disk that takes no index', async () => {
    write(5);
    const full: FileSystem = {
      ...nodeFileSystem,
      open: (file, mode) =>
        mode === 'createNew'
          ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
          : nodeFileSystem.open(file, mode),
    };
    const index = fixture.index({ fileSystem: full });
    assert.equal((await search(index, 'words')).length, 5);
    await eventually('it was said', () => fixture.logged.lines.some((line) => /was not saved.*full/.test(line)));
    assert.equal((await search(index, 'words')).length, 5);
  });
});
