import { opendir, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { Pace } from '../base/pace.ts';
import { segmentsOf, StepBudget } from './globPattern.ts';
import { IgnoreRules } from './ignoreRules.ts';

const maxEntries = 200_000;
const maxIgnoreFileBytes = 256 * 1024;
const maxDepth = 64;
/** Comparisons of characters and names for one path, by all rules: some milliseconds. A thousand plain rules take some thousands. */
const maxStepsPerPath = 1_000_000;

/** Files in each folder that say which others are ignored, the strongest first. */
export const ignoreFileNames = ['.rgignore', '.ignore', '.gitignore'];
/** Of those the one that counts within its repository only. */
const repositoryRules = '.gitignore';
/** The weakest, at the root of a repository only. */
const exclusions = path.join('.git', 'info', 'exclude');

/** What one file says of those below its folder. */
interface FolderRules {
  readonly folder: string;
  readonly rules: IgnoreRules;
}

/** Those of one kind of file, the outermost first. */
interface IgnoreKind {
  readonly name: string;
  readonly endsAtRepository: boolean;
  readonly found: readonly FolderRules[];
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
  /** Called where rules are passed over, in words: a file of them is too long, or they take too long (once for a walk). */
  onRulesPassedOver?(why: string, file: string): void;
}

/** What all folders of a walk have in common. */
interface Walk {
  readonly options: WalkOptions;
  readonly pace: Pace;
  entriesLeft: number;
  hasSpentSteps: boolean;
}

/**
 * Goes through the files below `root` in the order of their names, as ripgrep would: `.rgignore` and `.ignore` count,
 * `.gitignore` and `.git/info/exclude` up to the repository in which they stand, and where `root` belongs to a repository those
 * above it too. `.git` and symbolic links are passed over. The slow way, for machines without ripgrep. Yields absolute
 * paths; ends after 200,000 entries. Whatever the rules are, it holds the event loop for some tens of milliseconds at most: those
 * that take longer for one path say nothing about it.
 */
export async function* walkFiles(root: string, options: WalkOptions): AsyncGenerator<string> {
  const walk: Walk = { options, pace: new Pace(options.signal), entriesLeft: maxEntries, hasSpentSteps: false };
  yield* walkFolder({ folder: root, depth: 0 }, await rulesAbove(root, walk), walk);
}

async function* walkFolder(
  { folder, depth }: { readonly folder: string; readonly depth: number },
  above: readonly IgnoreKind[],
  walk: Walk,
): AsyncGenerator<string> {
  walk.options.signal.throwIfAborted();
  walk.options.onFolder?.(folder);
  const entries = await readFolder(folder, walk);
  const names = new Set(entries.map(({ name }) => name));
  const rules = await withRulesOf(folder, above, { walk, mayHave: (name) => names.has(name) });
  for (const entry of entries) {
    await walk.pace.rest();
    if (walk.options.isOver()) return;
    const isFolder = entry.isDirectory();
    if (entry.name === '.git' || (!isFolder && !entry.isFile())) continue;
    const file = path.join(folder, entry.name);
    if (isIgnored({ file, isFolder }, rules, walk)) continue;
    if (!isFolder) yield file;
    else if (depth < maxDepth) yield* walkFolder({ folder: file, depth: depth + 1 }, rules, walk);
  }
}

async function readFolder(folder: string, walk: Walk) {
  const entries = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (walk.entriesLeft-- <= 0) break;
      entries.push(entry);
    }
  } catch (error) {
    // A folder that may not be read, or is gone, has nothing to show; the rest of the tree has.
    if (!isMissingOrForbidden(error)) throw error;
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isIgnored(
  { file, isFolder }: { readonly file: string; readonly isFolder: boolean },
  rules: readonly IgnoreKind[],
  walk: Walk,
): boolean {
  const steps = new StepBudget(maxStepsPerPath);
  for (const { found } of rules) {
    // The deepest is the strongest of a kind, and the first that says anything decides.
    for (const own of [...found].reverse()) {
      const verdict = own.rules.verdict(segmentsOf(relativeTo(own.folder, file)), isFolder, steps);
      if (verdict) return verdict === 'ignored';
    }
  }
  if (steps.isSpent && !walk.hasSpentSteps) {
    walk.hasSpentSteps = true;
    walk.options.onRulesPassedOver?.('they take too long for this path, and maybe for others', file);
  }
  return false;
}

function relativeTo(folder: string, file: string): string {
  return path.relative(folder, file).split(path.sep).join('/');
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
async function rulesAbove(root: string, walk: Walk): Promise<readonly IgnoreKind[]> {
  let rules = kinds;
  if (!(await isWithinRepository(root))) return rules;
  for (const folder of foldersAbove(root).reverse()) {
    const isRepositoryRoot = await isRepository(folder);
    rules = await withRulesOf(folder, rules, { walk, mayHave: (name) => name !== '.git' || isRepositoryRoot });
  }
  return rules.map((kind) => ({ ...kind, found: kind.found.filter((own) => !leavesOut(own, root)) }));
}

/** Whether rules of a folder above leave out `root`, or a folder in which it stands. */
function leavesOut({ folder, rules }: FolderRules, root: string): boolean {
  const steps = new StepBudget(maxStepsPerPath);
  const names = segmentsOf(relativeTo(folder, root));
  return names.some((_, index) => rules.verdict(names.slice(0, index + 1), true, steps) === 'ignored');
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
  { walk, mayHave }: { readonly walk: Walk; readonly mayHave: (name: string) => boolean },
): Promise<readonly IgnoreKind[]> {
  const rules = mayHave('.git') ? withoutRepository(above) : above;
  return Promise.all(
    rules.map(async (kind) => {
      const [entry = ''] = kind.name.split(path.sep);
      const own = mayHave(entry) ? await readRules(folder, kind.name, walk) : undefined;
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

async function readRules(folder: string, name: string, walk: Walk): Promise<FolderRules | undefined> {
  const file = path.join(folder, name);
  try {
    const text = await readFile(file, 'utf8');
    if (text.length <= maxIgnoreFileBytes) return { folder, rules: new IgnoreRules(text) };
    walk.options.onRulesPassedOver?.(`there are more than ${maxIgnoreFileBytes} bytes of them`, file);
    return undefined;
  } catch (error) {
    if (isMissingOrForbidden(error)) return undefined;
    throw error;
  }
}

function isMissingOrForbidden(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EISDIR', 'ELOOP'].includes(code);
}
