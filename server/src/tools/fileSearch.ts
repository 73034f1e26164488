import { readFile, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import type { Logger } from '../base/logger.ts';
import { Pace } from '../base/pace.ts';
import { isWithinRepository, walkFiles } from './fileWalk.ts';
import type { FolderLists } from './folderLists.ts';
import { segmentsOf, StepBudget } from './globPattern.ts';
import { chosenBy } from './ignoreRules.ts';
import { createLineMatcher } from './lineMatcher.ts';
import { findRipgrep, runRipgrep } from './ripgrep.ts';

const timeoutMs = 20_000;
const maxCollectedNames = 50_000;
/** Comparisons of characters for the name of one file: some milliseconds. Plain globs take some hundreds. */
const maxStepsPerName = 1_000_000;
const maxSearchedFileBytes = 4 * 1024 * 1024;
const maxMatchesPerFile = 200;
const commonArgs = ['--no-config', '--hidden', '--glob=!.git', '--no-messages'];
/** For folders that belong to no repository: what stands above them does not count, and what git would be told there does. */
const noRepositoryArgs = ['--no-require-git', '--no-ignore-parent'];

/** Whether a file may be shown at all. */
export type FileFilter = (file: string) => Promise<boolean>;

export interface FileListRequest {
  /** Real path of a folder or a file that the gate has allowed. */
  readonly root: string;
  /** A glob as in `.gitignore`: `*.ts`, `src/**`. */
  readonly pattern: string | undefined;
  readonly limit: number;
  readonly isAllowed: FileFilter;
  readonly signal: AbortSignal;
}

export interface FileList {
  /** Absolute paths in the order of their names. */
  readonly files: readonly string[];
  /** There are more, or there was no time to see all. */
  readonly isPartial: boolean;
}

export interface TextSearchRequest {
  readonly root: string;
  readonly query: string;
  readonly isRegex: boolean;
  readonly limit: number;
  readonly isAllowed: FileFilter;
  readonly signal: AbortSignal;
}

export interface TextMatch {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly text: string;
}

export interface TextMatches {
  readonly matches: readonly TextMatch[];
  readonly isPartial: boolean;
}

/** Lists and searches files with ripgrep where there is one, else by itself. Only `CheckedAccess` calls it. */
export class FileSearch {
  private readonly ripgrepPath: () => string | undefined;
  private readonly lists: FolderLists;
  private readonly logger: Logger;

  /** `ripgrepPath` gives the editor's own ripgrep, if it has said where that is. */
  constructor(ripgrepPath: () => string | undefined, lists: FolderLists, logger: Logger) {
    this.ripgrepPath = ripgrepPath;
    this.lists = lists;
    this.logger = logger;
  }

  async list(request: FileListRequest): Promise<FileList> {
    const matches = globMatcher(request.pattern);
    const target = await targetOf(request.root);
    const { names, isPartial } = await this.names(target, matches, request.signal);
    const files: string[] = [];
    for (const file of names) {
      if (files.length > request.limit) break;
      request.signal.throwIfAborted();
      if (await request.isAllowed(file)) files.push(file);
    }
    return { files: files.slice(0, request.limit), isPartial: isPartial || files.length > request.limit };
  }

  async search(request: TextSearchRequest): Promise<TextMatches> {
    const binary = await findRipgrep(this.ripgrepPath());
    const collector = new MatchCollector(request);
    const target = await targetOf(request.root);
    const end = binary
      ? await searchWithRipgrep(binary, target, request, collector)
      : await this.searchByWalking(target, request, collector);
    return { matches: collector.matches, isPartial: end !== 'complete' };
  }

  /** Names that match, in order: chosen from the list of all where that is kept, else collected. */
  private async names(target: Target, matches: (relative: string) => boolean, signal: AbortSignal) {
    const isWanted = (file: string): boolean => matches(path.relative(target.folder, file));
    if (target.name === undefined) {
      const collectAll = async (shared: AbortSignal): Promise<readonly string[] | null> => {
        const { names, isPartial } = await this.collect(target, () => true, shared);
        return isPartial ? null : names;
      };
      const all = await this.lists.list(target.folder, collectAll, signal);
      if (all) return { names: await filtered(all, isWanted, signal), isPartial: false };
    }
    return this.collect(target, isWanted, signal);
  }

  private async collect(target: Target, isWanted: (file: string) => boolean, signal: AbortSignal) {
    const names: string[] = [];
    const pace = new Pace(signal);
    const take = async (file: string): Promise<boolean> => {
      await pace.rest();
      if (isWanted(file)) names.push(file);
      return names.length < maxCollectedNames;
    };
    const end = await this.eachFile(target, signal, take);
    return { names: names.sort(), isPartial: end !== 'complete' };
  }

  private async eachFile(target: Target, signal: AbortSignal, take: (file: string) => Promise<boolean>) {
    const binary = await findRipgrep(this.ripgrepPath());
    if (binary) {
      return runRipgrep({
        binary,
        args: [...(await argsFor(target.folder)), '--files', '--null', '--', target.name ?? '.'],
        cwd: target.folder,
        separator: '\0',
        timeoutMs,
        signal,
        onRecord: (name) => take(path.resolve(target.folder, name)),
      });
    }
    const deadline = Date.now() + timeoutMs;
    for await (const file of this.filesOf(target, { signal, isOver: () => Date.now() > deadline })) {
      if (!(await take(file))) return 'stopped';
    }
    return Date.now() > deadline ? 'timedOut' : 'complete';
  }

  private async searchByWalking(target: Target, request: TextSearchRequest, collector: MatchCollector) {
    const { query, isRegex, signal } = request;
    const deadline = Date.now() + timeoutMs;
    const matcher = createLineMatcher(query, isRegex, maxMatchesPerFile);
    for await (const file of this.filesOf(target, { signal, isOver: () => Date.now() > deadline })) {
      if (!(await collector.isAllowed(file))) continue;
      const text = await readSearchable(file);
      if (text === undefined) continue;
      for (const match of matcher(text)) {
        if (!(await collector.add({ file, ...match }))) return 'stopped';
      }
    }
    return Date.now() > deadline ? 'timedOut' : 'complete';
  }

  private async *filesOf(target: Target, options: { signal: AbortSignal; isOver(): boolean }): AsyncGenerator<string> {
    if (target.name !== undefined) {
      yield path.join(target.folder, target.name);
      return;
    }
    const onRulesPassedOver = (why: string, file: string): void => {
      this.logger.info('Rules about which files are listed were passed over', { why, file });
    };
    yield* walkFiles(target.folder, { ...options, onRulesPassedOver });
  }
}

/** A folder, and the one file in it that is meant, if it is one. */
interface Target {
  readonly folder: string;
  readonly name?: string;
}

async function targetOf(root: string): Promise<Target> {
  try {
    if ((await stat(root)).isDirectory()) return { folder: root };
    return { folder: path.dirname(root), name: path.basename(root) };
  } catch (cause) {
    throw new CodedError(
      'NotFound',
      `There is no file or folder "${path.basename(root)}" there, or it cannot be read.`,
      { cause },
    );
  }
}

async function argsFor(folder: string): Promise<string[]> {
  return (await isWithinRepository(folder)) ? commonArgs : [...commonArgs, ...noRepositoryArgs];
}

async function filtered(
  files: readonly string[],
  isWanted: (file: string) => boolean,
  signal: AbortSignal,
): Promise<string[]> {
  const pace = new Pace(signal);
  const wanted: string[] = [];
  for (const file of files) {
    await pace.rest();
    if (isWanted(file)) wanted.push(file);
  }
  return wanted;
}

/**
 * By the rules of `.gitignore`, which are those by which people write globs for ripgrep too; but case does not count. What is given
 * throws `TimedOut` where the pattern takes too long for a name.
 */
function globMatcher(pattern: string | undefined): (relative: string) => boolean {
  if (!pattern) return () => true;
  const chosen = chosenBy(pattern.replace(/^\.\//, '').toLowerCase());
  if (!chosen) {
    throw new CodedError(
      'InvalidParams',
      'The pattern names no files. Write a glob such as *.ts or src/**: a bracket has to be closed, and neither ! nor # may begin it.',
    );
  }
  return (relative) => {
    const steps = new StepBudget(maxStepsPerName);
    const isMatch = chosen.matches(segmentsOf(relative.toLowerCase().split(path.sep).join('/')), steps);
    if (!steps.isSpent) return isMatch;
    throw new CodedError('TimedOut', 'The pattern takes too long for the name of one of the files. Use a shorter one.');
  };
}

/** Takes matches of allowed files until there are enough. Each file is judged once. */
class MatchCollector {
  readonly matches: TextMatch[] = [];
  private readonly request: TextSearchRequest;
  private readonly judged = new Map<string, boolean>();

  constructor(request: TextSearchRequest) {
    this.request = request;
  }

  async isAllowed(file: string): Promise<boolean> {
    const known = this.judged.get(file);
    if (known !== undefined) return known;
    const allowed = await this.request.isAllowed(file);
    this.judged.set(file, allowed);
    return allowed;
  }

  /** False when no more is wanted. */
  async add(match: TextMatch): Promise<boolean> {
    if (!(await this.isAllowed(match.file))) return true;
    if (this.matches.length >= this.request.limit) return false;
    this.matches.push(match);
    return true;
  }
}

interface RipgrepMatch {
  readonly type: string;
  readonly data: {
    readonly path?: { readonly text?: string };
    readonly lines?: { readonly text?: string };
    readonly line_number?: number;
  };
}

async function searchWithRipgrep(
  binary: string,
  target: Target,
  request: TextSearchRequest,
  collector: MatchCollector,
) {
  return runRipgrep({
    binary,
    args: [
      ...(await argsFor(target.folder)),
      '--json',
      '--smart-case',
      `--max-count=${maxMatchesPerFile}`,
      `--max-filesize=${maxSearchedFileBytes}`,
      ...(request.isRegex ? [] : ['--fixed-strings']),
      '--regexp',
      request.query,
      '--',
      target.name ?? '.',
    ],
    cwd: target.folder,
    separator: '\n',
    timeoutMs,
    signal: request.signal,
    onRecord: async (record) => {
      const { type, data } = JSON.parse(record) as RipgrepMatch;
      // A name or a line that is not UTF-8 comes as bytes, without `text`.
      if (type !== 'match' || data.path?.text === undefined || data.lines?.text === undefined) return true;
      const file = path.resolve(target.folder, data.path.text);
      return collector.add({ file, line: data.line_number ?? 1, text: data.lines.text.replace(/\r?\n$/, '') });
    },
  });
}

async function readSearchable(file: string): Promise<string | undefined> {
  try {
    if ((await stat(file)).size > maxSearchedFileBytes) return undefined;
    const content = await readFile(file);
    return content.includes(0) ? undefined : content.toString('utf8');
  } catch (error) {
    // Gone since it was listed, or not ours to read: as ripgrep, which passes such a file over.
    if ((error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}
