import { opendir, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import ignore, { type Ignore } from 'ignore';

const maxEntries = 200_000;
const maxIgnoreFileBytes = 256 * 1024;
const maxDepth = 64;

/** Files in each folder that say which others are ignored, the strongest first. */
export const ignoreFileNames = ['.rgignore', '.ignore', '.gitignore'];
/** Of those the one that counts within its repository only. */
const repositoryRules = '.gitignore';
/** The weakest, at the root of a repository only. */
const exclusions = path.join('.git', 'info', 'exclude');

/** What one file says of those below its folder. */
interface IgnoreRules {
  readonly folder: string;
  readonly rules: Ignore;
}

/** Those of one kind of file, the outermost first. */
interface IgnoreKind {
  readonly name: string;
  readonly endsAtRepository: boolean;
  readonly found: readonly IgnoreRules[];
}

const kinds: readonly IgnoreKind[] = [...ignoreFileNames, exclusions].map((name) => ({
  ...{ name, endsAtRepository: name === repositoryRules || name === exclusions },
  found: [],
}));

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Checked between entries; true ends the walk. */
  isOver(): boolean;
  /** Called with each folder before it is read. */
  onFolder?(folder: string): void;
}

/**
 * Goes through the files below `root` in the order of their names, as ripgrep would: `.rgignore` and `.ignore` count,
 * `.gitignore` and `.git/info/exclude` up to the repository in which they stand, and where `root` belongs to a repository those
 * above it too. `.git` and symbolic links are passed over. The slow way, for machines without ripgrep. Yields absolute
 * paths; ends after 200,000 entries.
 */
export async function* walkFiles(root: string, options: WalkOptions): AsyncGenerator<string> {
  const budget = { entriesLeft: maxEntries };
  yield* walkFolder(root, await rulesAbove(root), { ...options, budget, depth: 0 });
}

async function* walkFolder(
  folder: string,
  above: readonly IgnoreKind[],
  walk: WalkOptions & { readonly budget: { entriesLeft: number }; readonly depth: number },
): AsyncGenerator<string> {
  walk.signal.throwIfAborted();
  walk.onFolder?.(folder);
  const entries = await readFolder(folder, walk.budget);
  const names = new Set(entries.map(({ name }) => name));
  const rules = await withRulesOf(folder, above, (name) => names.has(name));
  for (const entry of entries) {
    walk.signal.throwIfAborted();
    if (walk.isOver()) return;
    const isFolder = entry.isDirectory();
    if (entry.name === '.git' || (!isFolder && !entry.isFile())) continue;
    const file = path.join(folder, entry.name);
    if (isIgnored(file, isFolder, rules)) continue;
    if (!isFolder) yield file;
    else if (walk.depth < maxDepth) yield* walkFolder(file, rules, { ...walk, depth: walk.depth + 1 });
  }
}

async function readFolder(folder: string, budget: { entriesLeft: number }) {
  const entries = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (budget.entriesLeft-- <= 0) break;
      entries.push(entry);
    }
  } catch (error) {
    // A folder that may not be read, or is gone, has nothing to show; the rest of the tree has.
    if (!isMissingOrForbidden(error)) throw error;
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isIgnored(file: string, isFolder: boolean, rules: readonly IgnoreKind[]): boolean {
  for (const { found } of rules) {
    // The deepest is the strongest of a kind, and the first that says anything decides.
    for (const { folder, rules: own } of [...found].reverse()) {
      const result = verdict(own, folder, isFolder ? `${file}/` : file);
      if (result.ignored) return true;
      if (result.unignored) return false;
    }
  }
  return false;
}

/** What rules that stand in `folder` say of `file`, which is a folder if a slash ends it. */
function verdict(rules: Ignore, folder: string, file: string) {
  const relative = path.relative(folder, file).split(path.sep).join('/');
  return rules.test(file.endsWith('/') ? `${relative}/` : relative);
}

/** Whether git would say that `folder` belongs to a repository. */
export async function isWithinRepository(folder: string): Promise<boolean> {
  for (const candidate of [folder, ...foldersAbove(folder)]) if (await isRepository(candidate)) return true;
  return false;
}

/**
 * What stands above a folder that belongs to no repository says nothing about it; nor do rules that leave out the folder
 * itself, since whoever asks for it wants to see it.
 */
async function rulesAbove(root: string): Promise<readonly IgnoreKind[]> {
  let rules = kinds;
  if (!(await isWithinRepository(root))) return rules;
  for (const folder of foldersAbove(root).reverse()) {
    const isRepositoryRoot = await isRepository(folder);
    rules = await withRulesOf(folder, rules, (name) => name !== '.git' || isRepositoryRoot);
  }
  const keepsRoot = ({ folder, rules }: IgnoreRules): boolean => !verdict(rules, folder, `${root}/`).ignored;
  return rules.map((kind) => ({ ...kind, found: kind.found.filter(keepsRoot) }));
}

/** The nearest first. */
function foldersAbove(folder: string): string[] {
  const above: string[] = [];
  for (let below = folder; path.dirname(below) !== below && above.length < maxDepth; below = path.dirname(below)) {
    above.push(path.dirname(below));
  }
  return above;
}

/** What counts in a folder: what counts above it, without what ends there, and its own. `mayHave` tells what is in it. */
async function withRulesOf(
  folder: string,
  above: readonly IgnoreKind[],
  mayHave: (name: string) => boolean,
): Promise<readonly IgnoreKind[]> {
  const rules = mayHave('.git') ? withoutRepository(above) : above;
  return Promise.all(
    rules.map(async (kind) => {
      const [entry = ''] = kind.name.split(path.sep);
      const own = mayHave(entry) ? await readRules(folder, kind.name) : undefined;
      return own ? { ...kind, found: [...kind.found, own] } : kind;
    }),
  );
}

function withoutRepository(rules: readonly IgnoreKind[]): readonly IgnoreKind[] {
  return rules.map((kind) => (kind.endsAtRepository ? { ...kind, found: [] } : kind));
}

async function isRepository(folder: string): Promise<boolean> {
  try {
    await (await opendir(path.join(folder, '.git'))).close();
    return true;
  } catch (error) {
    // In a worktree `.git` is a file.
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR';
  }
}

async function readRules(folder: string, name: string): Promise<IgnoreRules | undefined> {
  try {
    const text = await readFile(path.join(folder, name), 'utf8');
    if (text.length > maxIgnoreFileBytes) return undefined;
    return { folder, rules: ignore().add(text) };
  } catch (error) {
    if (isMissingOrForbidden(error)) return undefined;
    throw error;
  }
}

function isMissingOrForbidden(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EISDIR', 'ELOOP'].includes(code);
}
