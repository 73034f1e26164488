import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import { ignoreFileNames } from './fileWalk.ts';
import { FolderWatch } from './folderWatch.ts';
import type { AnswerCache } from './ports.ts';

const maxWatches = 4;
const keepForMs = 30 * 60_000;
/** A folder that changes all the time is not watched anew each time: walking it costs more than a list saves. */
const minPauseMs = 5_000;
const pausePerSetUp = 20;
/** A folder that could not be watched is tried again after this. */
const unwatchableForMs = 2 * 60_000;

/** All files below a folder, in the order of their names; null if there are too many, or no time to see all. */
export interface FolderList {
  readonly files: readonly string[] | null;
  /** Nothing changed while the list was made, and every change since would have been seen. */
  readonly isCertain: boolean;
}

/** How the cache keeps lists of files: in memory only, since nobody watches a folder while the server is down. */
export const fileListNamespace = {
  name: 'fileLists',
  weight: 3,
  lifetimeOf: ({ isCertain }: FolderList) => ({ freshForMs: isCertain ? keepForMs : 0, staleForMs: 0 }),
  sizeBytesOf: ({ files }: FolderList): number => (files ?? []).reduce((sum, file) => sum + file.length + 40, 100),
};

interface Watched {
  readonly watch: FolderWatch;
  readonly startedAt: number;
  /** Unlike that of any other watch: lists made under another one may be wrong by now. */
  readonly id: string;
  setUpMs: number;
}

export interface FolderListsOptions {
  /** Made with `fileListNamespace`. */
  readonly cache: AnswerCache<FolderList>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps lists of all files below a folder for as long as nothing changes there, which it watches. The last four folders
 * that were asked for are watched.
 */
export class FolderLists implements Disposable {
  private readonly options: FolderListsOptions;
  private readonly watched = new Map<string, Watched>();
  private readonly notBefore = new Map<string, number>();
  private isDisposed = false;

  constructor(options: FolderListsOptions) {
    this.options = options;
  }

  /**
   * The files below `folder` as they are now, from the cache or by `collect`, which gives null where it cannot see all.
   * Undefined where the folder is not watched yet, or cannot be: then they have to be listed without us.
   */
  async list(
    folder: string,
    collect: (signal: AbortSignal) => Promise<readonly string[] | null>,
    signal: AbortSignal,
  ): Promise<readonly string[] | null | undefined> {
    const current = this.current(folder);
    await current?.watch.catchUp();
    if (!current?.watch.isReady) {
      this.options.cache.countMiss();
      return undefined;
    }
    const { watch, id } = current;
    const key = `${id} ${await rulesOutside(folder)}`;
    const load = async (shared: AbortSignal): Promise<FolderList> => {
      const files = await collect(shared);
      await watch.catchUp();
      const isCovered = (files ?? []).every((file) => watch.covers(path.dirname(file)));
      return { files, isCertain: isCovered && watch.isReady };
    };
    return (await this.options.cache.fetch(key, load, { signal })).files;
  }

  dispose(): void {
    this.isDisposed = true;
    for (const { watch } of this.watched.values()) watch.dispose();
    this.watched.clear();
  }

  /** The watch over `folder`, begun if it is time for that. */
  private current(folder: string): Watched | undefined {
    const known = this.watched.get(folder);
    if (known && !known.watch.isOver) {
      // Asked for last, given up last.
      this.watched.delete(folder);
      this.watched.set(folder, known);
      return known;
    }
    const now = this.options.clock.now();
    if (known) {
      this.watched.delete(folder);
      this.pause(folder, now + Math.max(minPauseMs, known.setUpMs * pausePerSetUp));
    }
    if (this.isDisposed || (this.notBefore.get(folder) ?? 0) > now) return undefined;
    return this.begin(folder, now);
  }

  private begin(folder: string, now: number): Watched {
    const watched: Watched = {
      watch: new FolderWatch(folder, this.options.logger),
      startedAt: now,
      id: randomBytes(9).toString('base64url'),
      setUpMs: 0,
    };
    this.watched.set(folder, watched);
    this.notBefore.delete(folder);
    const [oldest] = this.watched;
    if (oldest && this.watched.size > maxWatches) {
      oldest[1].watch.dispose();
      this.watched.delete(oldest[0]);
    }
    void this.follow(folder, watched);
    return watched;
  }

  private async follow(folder: string, watched: Watched): Promise<void> {
    const isWatched = await watched.watch.whenSettled;
    const now = this.options.clock.now();
    watched.setUpMs = Math.max(0, now - watched.startedAt);
    if (isWatched || this.watched.get(folder) !== watched) return;
    this.watched.delete(folder);
    this.pause(folder, now + unwatchableForMs);
  }

  private pause(folder: string, until: number): void {
    if (this.notBefore.size >= 100) this.notBefore.clear();
    this.notBefore.set(folder, until);
  }
}

/**
 * Changes with everything outside a folder that decides which of its files are listed: which folder it is, the ignore
 * files above it, those of the repository and of the person.
 */
async function rulesOutside(folder: string): Promise<string> {
  const home = os.homedir();
  const configuration = process.env['XDG_CONFIG_HOME'] ?? path.join(home, '.config');
  const files = [folder, path.join(home, '.gitconfig'), path.join(home, '.gitignore')];
  for (const name of ['ignore', 'config']) files.push(path.join(configuration, 'git', name));
  for (let above = folder; ; above = path.dirname(above)) {
    files.push(path.join(above, '.git', 'info', 'exclude'));
    if (above !== folder) files.push(...ignoreFileNames.map((name) => path.join(above, name)));
    if (path.dirname(above) === above) break;
  }
  return (await Promise.all(files.map((file, index) => markOf(file, index === 0)))).join(' ');
}

async function markOf(file: string, isFolder: boolean): Promise<string> {
  try {
    const { dev, ino, mtimeMs, size } = await stat(file);
    // The folder itself is watched; only which one it is matters.
    return isFolder ? `${dev}:${ino}` : `${ino}:${mtimeMs}:${size}`;
  } catch {
    return '-'; // Not there, or not to be read: then it decides nothing.
  }
}
