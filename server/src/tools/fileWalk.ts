import { opendir, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import ignore, { type Ignore } from 'ignore';

const maxEntries = 200_000;
const maxIgnoreFileBytes = 256 * 1024;
const maxDepth = 64;

interface IgnoreRules {
  /** Folder in which the rules stand. */
  readonly folder: string;
  readonly rules: Ignore;
}

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Checked between entries; true ends the walk. */
  isOver(): boolean;
  /** Called with each folder before it is read. */
  onFolder?(folder: string): void;
}

/**
 * Goes through the files below `root` in the order of their names, as ripgrep would: `.gitignore` counts (those above
 * `root` up to the repository too), `.git` and symbolic links are passed over. The slow way, for machines without
 * ripgrep. Yields absolute paths; ends after 200,000 entries.
 */
export async function* walkFiles(root: string, options: WalkOptions): AsyncGenerator<string> {
  const budget = { entriesLeft: maxEntries };
  yield* walkFolder(root, await rulesAbove(root), { ...options, budget, depth: 0 });
}

async function* walkFolder(
  folder: string,
  above: readonly IgnoreRules[],
  walk: WalkOptions & { readonly budget: { entriesLeft: number }; readonly depth: number },
): AsyncGenerator<string> {
  walk.signal.throwIfAborted();
  walk.onFolder?.(folder);
  const own = await readRules(folder);
  const rules = own ? [...above, own] : above;
  for (const entry of await readFolder(folder, walk.budget)) {
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

function isIgnored(file: string, isFolder: boolean, rules: readonly IgnoreRules[]): boolean {
  // The deepest rules are the strongest, and the first that says anything decides.
  for (const { folder, rules: own } of [...rules].reverse()) {
    const relative = path.relative(folder, file).split(path.sep).join('/');
    const result = own.test(isFolder ? `${relative}/` : relative);
    if (result.ignored) return true;
    if (result.unignored) return false;
  }
  return false;
}

async function rulesAbove(root: string): Promise<IgnoreRules[]> {
  const found: IgnoreRules[] = [];
  let folder = root;
  for (let depth = 0; depth < maxDepth; depth++) {
    if (await isRepository(folder)) return found.reverse();
    const parent = path.dirname(folder);
    if (parent === folder) break;
    folder = parent;
    const rules = await readRules(folder);
    if (rules) found.push(rules);
  }
  // Outside a repository what stands above says nothing about this folder.
  return [];
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

async function readRules(folder: string): Promise<IgnoreRules | undefined> {
  try {
    const text = await readFile(path.join(folder, '.gitignore'), 'utf8');
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
