import * as assert from 'node:assert/strict';
import { mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { rgPath } from '@vscode/ripgrep';
import fc from 'fast-check';
import { systemClock } from '../../../server/src/base/clock.ts';
import { FileSearch } from '../../../server/src/tools/fileSearch.ts';
import { walkFiles } from '../../../server/src/tools/fileWalk.ts';
import { fileListNamespace, FolderLists } from '../../../server/src/tools/folderLists.ts';
import { createCache } from '../../support/memoryCache.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const folderNames = ['', 'src', 'src/deep', 'lib'];
const fileNames = ['a.ts', 'b.log', 'c.txt', '[d] e'];
const ruleFiles = ['.rgignore', '.ignore', '.gitignore', '.git/info/exclude'];
const patterns = [
  ...['*.log', '!*.log', 'a.ts', '!a.ts', '/c.txt', 'deep/', 'src/deep', '**/deep/*.ts', '!lib', '*', '!*'],
  ...[
    'src/**',
    '**/deep',
    'src/**/a.ts',
    '**/',
    '/**/c.*',
    'src/*/b.log',
    '?.ts',
    '[a-b].*',
    '[!a]*',
    '[^a-b].txt',
    '[]]*',
  ],
  ...[
    '\\[d\\] e',
    '[d] e',
    '\\!a.ts',
    '\\*.log',
    '# a.ts',
    'a.ts  ',
    'b.log\r',
    '[a',
    'a.ts\\',
    '/',
    '//',
    '',
    'A.TS',
    '**.log',
    'a**',
  ],
];

/** A file of rules, where it stands, and what stands in it. */
interface RuleFile {
  readonly folder: string;
  readonly name: string;
  readonly rules: readonly string[];
}

const ruleFile: fc.Arbitrary<RuleFile> = fc
  .record({
    folder: fc.constantFrom('..', ...folderNames),
    name: fc.constantFrom(...ruleFiles),
    rules: fc.array(fc.constantFrom(...patterns), { minLength: 1, maxLength: 3 }),
  })
  // Of rules above that leave out the folder itself ripgrep takes those that name its files, and the walk none.
  .filter(({ folder, rules }) => folder !== '..' || !rules.some((rule) => ['*', '**/', '[!a]*'].includes(rule)));
/** Folders that are repositories, beside one above all of them. */
const repositories = fc.subarray(['src', 'src/deep', 'lib', '.']);

describe('The walk through files without ripgrep', function () {
  this.timeout(60_000);
  let holder: ReturnType<typeof temporaryFolder>;
  let root: string;

  beforeEach(() => {
    holder = temporaryFolder();
    root = path.join(realpathSync(holder.path), 'above', 'root');
  });
  afterEach(() => holder.remove());

  function write(file: string, text: string): void {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }

  function writeAll(rules: readonly RuleFile[]): void {
    rmSync(path.dirname(root), { recursive: true, force: true });
    for (const folder of folderNames) for (const name of fileNames) write(path.join(folder, name), '');
    for (const { folder, name, rules: lines } of rules) write(path.join(folder, name), lines.join('\n'));
  }

  it('finds what ripgrep finds in repositories within repositories, whichever rules stand where', async () => {
    const property = fc.asyncProperty(fc.array(ruleFile, { maxLength: 4 }), repositories, async (rules, nested) => {
      writeAll(rules);
      for (const folder of ['..', ...nested]) mkdirSync(path.join(root, folder, '.git'), { recursive: true });
      assert.deepEqual(await walk(root), await ripgrep(root));
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('finds what ripgrep finds outside of repositories, where nothing that stands above counts', async () => {
    const ofFolders = fc
      .array(ruleFile, { maxLength: 4 })
      .map((rules) => rules.filter(({ name }) => !name.startsWith('.git/')));
    const property = fc.asyncProperty(ofFolders, async (rules) => {
      writeAll(rules);
      assert.deepEqual(await walk(root), await ripgrep(root));
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it('finds what ripgrep finds in a folder that is left out itself, by rules above it', async () => {
    writeAll([{ folder: '..', name: '.gitignore', rules: ['root/'] }]);
    mkdirSync(path.join(root, '..', '.git'));
    const found = await walk(root);
    assert.equal(found.length, folderNames.length * fileNames.length);
    assert.deepEqual(found, await ripgrep(root));
  });

  it('sees that a worktree, where .git is a file, is a repository', async () => {
    writeAll([{ folder: '..', name: '.gitignore', rules: ['*'] }]);
    mkdirSync(path.join(root, '..', '.git'));
    write('.git', 'gitdir: ../.git/worktrees/root');
    const found = await walk(root);
    assert.equal(found.length, folderNames.length * fileNames.length);
    assert.deepEqual(found, await ripgrep(root));
  });

  it('takes a moment for each path and lets others have their turn, whatever the rules are', async () => {
    const nested = Array.from({ length: 15 }, () => 'a'.repeat(200)).join('/');
    const nasty = ['a*/**/'.repeat(60), `*${'a*'.repeat(90)}b`, `*${'a'.repeat(100)}b`, `*${'[a-b]'.repeat(90)}c`];
    const rules = nasty.map((name) => `**/${name}/**`);
    write('.gitignore', `${rules.join('\n')}\n`.repeat(100));
    mkdirSync(path.join(root, '.git'));
    for (let index = 0; index < 100; index++) write(path.join(nested, String(index)), '');
    const passedOver: string[] = [];
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const turnsAt: number[] = [];
    const { signal } = new AbortController();
    const began = performance.now();
    const onRulesPassedOver = (why: string, file: string): number => passedOver.push(`${path.basename(file)}: ${why}`);
    for await (const _ of walkFiles(root, { signal, isOver: () => false, onRulesPassedOver })) turnsAt.push(turns);
    clearImmediate(next);
    assert.equal(turnsAt.length, 101);
    assert.ok(performance.now() - began < 20_000);
    assert.ok(new Set(turnsAt).size > 10, 'others have turns between files of one folder');
    assert.equal(passedOver.length, 1);
    assert.match(passedOver[0] ?? '', /^a+: they take too long for this path/);
  });

  it('says which file of rules is too long to be read', async () => {
    write('.ignore', `*.log\n`.repeat(50_000));
    write('b.log', '');
    const passedOver: string[] = [];
    const { signal } = new AbortController();
    const onRulesPassedOver = (why: string, file: string): number => passedOver.push(`${path.basename(file)}: ${why}`);
    const found: string[] = [];
    for await (const file of walkFiles(root, { signal, isOver: () => false, onRulesPassedOver }))
      found.push(path.basename(file));
    assert.deepEqual(found, ['.ignore', 'b.log']);
    assert.deepEqual(passedOver, ['.ignore: there are more than 262144 bytes of them']);
  });
});

async function walk(root: string): Promise<string[]> {
  const found: string[] = [];
  const { signal } = new AbortController();
  for await (const file of walkFiles(root, { signal, isOver: () => false })) found.push(path.relative(root, file));
  return found.sort();
}

/** What the product gets from a real ripgrep. */
async function ripgrep(root: string): Promise<string[]> {
  const cache = createCache();
  const { logger } = recordingLogger();
  const lists = new FolderLists({ cache: cache.namespace(fileListNamespace), clock: systemClock, logger });
  try {
    const { signal } = new AbortController();
    const request = { root, pattern: undefined, limit: 1_000, isAllowed: () => Promise.resolve(true), signal };
    const { files } = await new FileSearch(() => rgPath, lists, logger).list(request);
    return files.map((file) => path.relative(root, file)).sort();
  } finally {
    lists.dispose();
    await cache.close();
  }
}
