import { watch, type FSWatcher } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import { ignoreFileNames, walkFiles } from './fileWalk.ts';

/** Each folder takes one of the watches that Linux grants a user, of which editors need many too. */
const maxFolders = 2_000;

/**
 * File systems of this machine's own kernel, by their numbers in statfs(2): ext, xfs, btrfs, tmpfs, overlay, f2fs, zfs,
 * bcachefs. Others (NFS, shared folders of virtual machines) change without telling.
 */
const tellingFileSystems = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
]);

/**
 * Knows whether files came, went or were renamed below a folder since it was `ready`. It ends with the first change.
 * Only on Linux, where the kernel queues an event before the change returns to whoever made it.
 */
export class FolderWatch implements Disposable {
  /** When all folders are watched; false where that cannot be done. */
  readonly whenSettled: Promise<boolean>;
  private readonly watchers = new Map<string, FSWatcher>();
  private readonly abort = new AbortController();
  private readonly logger: Logger;
  private settled = false;

  constructor(root: string, logger: Logger) {
    this.logger = logger;
    this.whenSettled = this.start(root);
  }

  /** All is watched, and nothing has changed as far as events have been read. */
  get isReady(): boolean {
    return this.settled && !this.isOver;
  }

  get isOver(): boolean {
    return this.abort.signal.aborted;
  }

  /** Reads the events of changes that were made before the call. */
  async catchUp(): Promise<void> {
    // They are read in the poll phase; a callback of setImmediate runs right after it.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Whether a change of this folder would be seen. */
  covers(folder: string): boolean {
    return this.watchers.has(folder);
  }

  dispose(): void {
    this.abort.abort();
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  private async start(root: string): Promise<boolean> {
    try {
      if (!(await canTell(root))) return this.giveUp();
      const options = {
        signal: this.abort.signal,
        isOver: () => this.isOver,
        // Watched before it is read: what comes after the reading is seen.
        onFolder: (folder: string) => this.watchFolder(folder),
      };
      const files = walkFiles(root, options)[Symbol.asyncIterator]();
      while (!(await files.next()).done) continue;
    } catch (error) {
      if (!this.isOver) this.logger.debug('A folder cannot be watched', { root, error });
      return this.giveUp();
    }
    this.settled = true;
    return !this.isOver;
  }

  private giveUp(): false {
    this.dispose();
    return false;
  }

  private watchFolder(folder: string): void {
    if (this.watchers.size >= maxFolders) throw new Error(`There are more than ${maxFolders} folders`);
    const watcher = watch(folder, { persistent: false }, (event, name) => {
      if (event === 'rename' || name === null || ignoreFileNames.includes(name)) this.dispose();
    });
    watcher.on('error', () => this.dispose());
    this.watchers.set(folder, watcher);
  }
}

async function canTell(root: string): Promise<boolean> {
  return process.platform === 'linux' && tellingFileSystems.has((await statfs(root)).type);
}
