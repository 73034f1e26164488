import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { rgPath } from '@vscode/ripgrep';
import type { CacheService } from '../../../server/src/cache/cacheService.ts';
import { FileSearch } from '../../../server/src/tools/fileSearch.ts';
import { fileListNamespace, FolderLists } from '../../../server/src/tools/folderLists.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { createCache } from '../../support/memoryCache.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('Lists of files in the cache', function () {
  const oldPath = process.env['PATH'];
  let folder: ReturnType<typeof temporaryFolder>;
  let root: string;
  let clock: FakeClock;
  let cache: CacheService;
  let lists: FolderLists;
  let search: FileSearch;

  before(function () {
    // Elsewhere the kernel does not promise to tell before the change is done, so lists are not kept.
    if (process.platform !== 'linux') this.skip();
  });
  beforeEach(() => {
    folder = temporaryFolder();
    root = path.join(fs.realpathSync(folder.path), 'repository');
    for (const name of ['.git', 'src/deep/empty', 'ignored']) fs.mkdirSync(path.join(root, name), { recursive: true });
    write('.gitignore', 'ignored/\n*.log\n');
    write('src/main.ts');
    write('src/deep/other.ts');
    write('ignored/a.ts');
    clock = new FakeClock();
    cache = createCache();
    const { logger } = recordingLogger();
    lists = new FolderLists({ cache: cache.namespace(fileListNamespace), clock, logger });
    search = new FileSearch(() => rgPath, lists, logger);
  });
  afterEach(async () => {
    process.env['PATH'] = oldPath;
    lists.dispose();
    await cache.close();
    assert.deepEqual(openFilesUnder(folder.path), [], 'no watch is left');
    folder.remove();
  });

  function write(file: string, text = ''): void {
    fs.writeFileSync(path.join(root, file), text);
  }

  async function list(pattern?: string, at = root): Promise<string> {
    const { signal } = new AbortController();
    const request = { root: at, pattern, limit: 100, isAllowed: () => Promise.resolve(true), signal };
    const { files, isPartial } = await search.list(request);
    assert.equal(isPartial, false);
    return files.map((file) => path.relative(root, file)).join(' ');
  }

  const hits = async (): Promise<number> => (await cache.stats()).namespaces[0]?.memoryHits ?? 0;

  /** Lists until the folder is watched and its list is kept. */
  async function listUntilKept(): Promise<void> {
    const before = await hits();
    await waitFor('the list to be kept', async () => {
      clock.advance(60_000);
      await list();
      return (await hits()) > before;
    });
  }

  const all = '.gitignore src/deep/other.ts src/main.ts';

  const kinds = ['ripgrep', 'the built-in walk'] as const;
  function use(kind: (typeof kinds)[number]): void {
    if (kind === 'ripgrep') return;
    process.env['PATH'] = '/nonexistent';
    search = new FileSearch(() => undefined, lists, recordingLogger().logger);
  }

  for (const kind of kinds) {
    for (const isKept of [true, false]) {
      it(`are chosen from with turns for others in between, ${isKept ? 'kept' : 'not kept'}, with ${kind}`, async () => {
        use(kind);
        const nested = Array.from({ length: 15 }, () => 'a'.repeat(250)).join('/');
        fs.mkdirSync(path.join(root, nested), { recursive: true });
        for (let index = 0; index < 90; index++) write(path.join(nested, String(index)));
        if (isKept) await listUntilKept();
        const before = await hits();
        let turns = 0;
        const longest = { turn: performance.now(), ms: 0 };
        const turn = (): void => {
          const now = performance.now();
          longest.ms = Math.max(longest.ms, now - longest.turn);
          longest.turn = now;
          turns += 1;
          next = setImmediate(turn);
        };
        let next = setImmediate(turn);
        const began = performance.now();
        assert.equal(await list(`*${'[a]'.repeat(120)}b`), '');
        const tookMs = performance.now() - began;
        clearImmediate(next);
        assert.ok(turns > 5, `${turns} turns`);
        assert.ok(longest.ms < tookMs / 3, `${longest.ms} ms of ${tookMs} without a turn`);
        assert.equal((await hits()) > before, isKept);
        const tooLong = list(`*${`[${'z'.repeat(110)}a]`.repeat(4)}b`);
        await assert.rejects(tooLong, { reason: 'TimedOut', message: /takes too long for the name/ });
        await assert.rejects(list('[a'), { reason: 'InvalidParams', message: /bracket has to be closed/ });
        // No watch may be in the midst of being set up.
        if (!isKept) await listUntilKept();
      });
    }

    it(`are given without looking again, for every pattern, with ${kind}`, async () => {
      use(kind);
      assert.equal(await list(), all);
      await listUntilKept();
      const before = await hits();
      assert.deepEqual(
        [await list(), await list('*.ts'), await list('main.*')],
        [all, 'src/deep/other.ts src/main.ts', 'src/main.ts'],
      );
      assert.equal((await hits()) - before, 3);
    });
  }

  const changes: Record<string, readonly [() => void, string]> = {
    'a new file': [() => write('src/new.ts'), '.gitignore src/deep/other.ts src/main.ts src/new.ts'],
    'a file in a folder that was empty': [
      () => write('src/deep/empty/new.ts'),
      '.gitignore src/deep/empty/new.ts src/deep/other.ts src/main.ts',
    ],
    'a deleted file': [() => fs.rmSync(path.join(root, 'src/main.ts')), '.gitignore src/deep/other.ts'],
    'a renamed file': [
      () => fs.renameSync(path.join(root, 'src/main.ts'), path.join(root, 'src/a.ts')),
      '.gitignore src/a.ts src/deep/other.ts',
    ],
    'a renamed folder': [
      () => fs.renameSync(path.join(root, 'src'), path.join(root, 'lib')),
      '.gitignore lib/deep/other.ts lib/main.ts',
    ],
    'another ignore rule': [
      () => fs.appendFileSync(path.join(root, '.gitignore'), 'main.ts\n'),
      '.gitignore src/deep/other.ts',
    ],
    'an ignore rule above the folder': [
      () => fs.writeFileSync(path.join(root, '..', '.ignore'), 'main.ts\n'),
      '.gitignore src/deep/other.ts',
    ],
    'an exclusion of the repository': [
      () => {
        fs.mkdirSync(path.join(root, '.git/info'));
        write('.git/info/exclude', 'main.ts\n');
      },
      '.gitignore src/deep/other.ts',
    ],
    'another folder in the place of this one': [
      () => {
        fs.renameSync(path.join(root, '..'), `${path.dirname(root)}-old`);
        fs.mkdirSync(path.join(root, '.git'), { recursive: true });
        write('other.ts');
        fs.rmSync(`${path.dirname(root)}-old`, { recursive: true });
      },
      'other.ts',
    ],
  };
  for (const kind of kinds) {
    for (const [what, [change, expected]] of Object.entries(changes)) {
      it(`see ${what} in the very next answer, with ${kind}`, async () => {
        use(kind);
        await listUntilKept();
        change();
        assert.equal(await list(), expected);
        await listUntilKept();
        assert.equal(await list(), expected);
      });
    }
  }

  it('are not made anew by changes of content, nor by changes in folders that are ignored', async () => {
    await listUntilKept();
    const before = await hits();
    write('src/main.ts', 'changed');
    write('ignored/b.ts');
    await list();
    assert.equal((await hits()) - before, 1);
  });

  it('are right in the midst of changes', async () => {
    await listUntilKept();
    for (let round = 0; round < 50; round++) {
      if (round % 10 === 0) await listUntilKept();
      const name = `src/file${round}.ts`;
      write(name);
      assert.ok((await list()).includes(name));
      fs.rmSync(path.join(root, name));
      assert.ok(!(await list()).includes(name));
    }
  });

  it('watch no more than four folders at a time, and none that changes again and again', async () => {
    const roots = Array.from({ length: 6 }, (_, index) => path.join(root, `src/root${index}`));
    for (const one of roots) fs.mkdirSync(one);
    for (const one of roots) await list(undefined, one);
    await waitFor('four folders to be watched', () => openFilesUnder(folder.path).length === 4);
    await listUntilKept();
    write('src/again.ts');
    await list();
    const watches = openFilesUnder(folder.path).length;
    await list();
    assert.equal(openFilesUnder(folder.path).length, watches, 'it is not watched again at once');
    await listUntilKept();
  });

  it('are not kept of a folder with too many folders in it', async () => {
    for (let index = 0; index < 2_001; index++) fs.mkdirSync(path.join(root, 'src', `folder${index}`));
    await list();
    await waitFor('the watch to be given up', async () => {
      await list();
      return openFilesUnder(folder.path).length === 0;
    });
    clock.advance(1_000);
    assert.deepEqual([await list(), await hits()], [all, 0]);
  });
});
