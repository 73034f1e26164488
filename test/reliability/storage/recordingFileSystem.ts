import * as fs from 'node:fs';
import * as path from 'node:path';
import { nodeFileSystem, type FileSystem, type OpenFile, type OpenMode } from '../../../server/src/base/fileSystem.ts';

import type { ProcessTable } from '../../../server/src/base/processTable.ts';

/** What the disk has for certain (`durable`), and what was done since that only memory knows, in order. */
interface Inode {
  durable: Buffer;
  unsynced: ((content: Buffer) => Buffer)[];
}
type Entry = Inode | 'folder';
interface Folder {
  durable: Map<string, Entry>;
  current: Map<string, Entry>;
  unsynced: ((entries: Map<string, Entry>) => void)[];
}

/** What a disk may answer. A write that fails with it has happened by half. */
export const diskErrors = ['EIO', 'ENOSPC', 'EROFS', 'EFBIG'] as const;
type DiskError = (typeof diskErrors)[number] | 'EACCES';

/** What shall go wrong at the n-th operation, counted from 1. */
export interface Fault {
  readonly at: number;
  /** `powerLoss`: it happens by half, and nothing after it happens at all. Else the code of the error. */
  readonly kind: 'powerLoss' | DiskError;
  /** Which operations are counted: those that change something (the default), or those that only look. */
  readonly among?: 'changes' | 'looks';
}

/** What a disk may answer to who only looks: to stat, list and read. */
export const lookErrors = ['EIO', 'EACCES'] as const;

/** How many of the unsynced operations, from 0 to all of them, the disk had done by itself when the power went. */
export type Luck = (unsynced: number) => number;

export const lucks: Readonly<Record<string, Luck>> = {
  'nothing unsynced was written': () => 0,
  'everything unsynced was written': (unsynced) => unsynced,
  'half of what was unsynced was written': (unsynced) => unsynced >> 1,
};

/** A process before or after the loss of power: those of another boot are dead. */
export function bootedAs(boot: string): ProcessTable {
  return {
    self: () => Promise.resolve({ pid: 4_711, startedAt: boot }),
    isAlive: (identity) => Promise.resolve(identity.startedAt === boot),
  };
}

/**
 * Does everything on the real disk, and keeps account beside it of what would be left if the power went now: a file's
 * content up to its last datasync, a folder's names up to its last sync. POSIX promises no more.
 */
export class RecordingFileSystem implements FileSystem {
  operations = 0;
  looks = 0;
  private readonly root: string;
  private readonly fault: Fault | undefined;
  private readonly folders = new Map<string, Folder>();
  private isDead = false;

  constructor(root: string, fault?: Fault) {
    this.root = root;
    this.fault = fault;
    this.folders.set(root, emptyFolder());
  }

  /** The power went. */
  get isOff(): boolean {
    return this.isDead;
  }

  watch(...parameters: Parameters<FileSystem['watch']>): ReturnType<FileSystem['watch']> {
    return nodeFileSystem.watch(...parameters);
  }

  /** How many operations there were of those that the fault is among. */
  get counted(): number {
    return this.fault?.among === 'looks' ? this.looks : this.operations;
  }

  stat(file: string): ReturnType<FileSystem['stat']> {
    return this.looked(() => nodeFileSystem.stat(file));
  }

  list(folder: string): ReturnType<FileSystem['list']> {
    return this.looked(() => nodeFileSystem.list(folder));
  }

  /** Counts an operation that only looks. */
  async looked<T>(work: () => Promise<T>): Promise<T> {
    this.looks += 1;
    if (this.fault?.among === 'looks' && this.fault.at === this.looks) throw errorOf(this.fault);
    return work();
  }

  async open(file: string, mode: OpenMode): Promise<OpenFile> {
    this.count();
    const open = await nodeFileSystem.open(file, mode);
    const folder = this.folderOf(file);
    const name = path.basename(file);
    if (mode === 'createNew') {
      const inode: Inode = { durable: Buffer.alloc(0), unsynced: [] };
      change(folder, (entries) => entries.set(name, inode));
    }
    const inode = folder.current.get(name);
    if (inode === undefined || inode === 'folder') throw new Error(`Not recorded: ${file}`);
    return this.recorded(open, inode);
  }

  async createFolder(folder: string): Promise<void> {
    this.count();
    await nodeFileSystem.createFolder(folder);
    change(this.folderOf(folder), (entries) => entries.set(path.basename(folder), 'folder'));
    this.folders.set(folder, emptyFolder());
  }

  async rename(from: string, to: string): Promise<void> {
    this.count();
    await nodeFileSystem.rename(from, to);
    const entry = this.folderOf(from).current.get(path.basename(from));
    if (entry === undefined) throw new Error(`Not recorded: ${from}`);
    if (path.dirname(from) === path.dirname(to)) {
      change(this.folderOf(from), (entries) => {
        entries.delete(path.basename(from));
        entries.set(path.basename(to), entry);
      });
      return;
    }
    // Each folder is durable on its own: the file may be found in both, or in neither.
    change(this.folderOf(from), (entries) => entries.delete(path.basename(from)));
    change(this.folderOf(to), (entries) => entries.set(path.basename(to), entry));
  }

  async remove(file: string): Promise<void> {
    this.count();
    await nodeFileSystem.remove(file);
    change(this.folderOf(file), (entries) => entries.delete(path.basename(file)));
  }

  async removeFolder(folder: string): Promise<void> {
    this.count();
    await nodeFileSystem.removeFolder(folder);
    change(this.folderOf(folder), (entries) => entries.delete(path.basename(folder)));
  }

  async syncFolder(folder: string): Promise<void> {
    this.count();
    await nodeFileSystem.syncFolder(folder);
    const record = this.folders.get(folder);
    if (record === undefined) throw new Error(`Not recorded: ${folder}`);
    record.durable = new Map(record.current);
    record.unsynced = [];
  }

  /** Writes to `target` what a machine would find that starts again after a loss of power. */
  writeSurvivors(target: string, luck: Luck): void {
    const copy = (folder: string): void => {
      const record = this.folders.get(folder);
      if (record === undefined) return;
      const entries = new Map(record.durable);
      for (const apply of record.unsynced.slice(0, luck(record.unsynced.length))) apply(entries);
      fs.mkdirSync(path.join(target, path.relative(this.root, folder)), { recursive: true });
      for (const [name, entry] of entries) {
        const from = path.join(folder, name);
        if (entry === 'folder') copy(from);
        else fs.writeFileSync(path.join(target, path.relative(this.root, from)), contentOf(entry, luck));
      }
    };
    copy(this.root);
  }

  private recorded(open: OpenFile, inode: Inode): OpenFile {
    return {
      read: (into, position) => this.looked(() => open.read(into, position)),
      write: async (data, position) => {
        const fault = this.nextFault();
        // A write that fails may have happened by half.
        const bytes = fault === undefined ? data : data.subarray(0, data.byteLength >> 1);
        const written = bytes.byteLength === 0 ? 0 : await open.write(bytes, position);
        const kept = Buffer.from(bytes.subarray(0, written));
        inode.unsynced.push((content) => overwrite(content, kept, position));
        if (fault !== undefined) throw errorOf(fault);
        return written;
      },
      truncate: async (lengthBytes) => {
        this.count();
        await open.truncate(lengthBytes);
        inode.unsynced.push((content) => content.subarray(0, lengthBytes));
      },
      datasync: async () => {
        this.count();
        await open.datasync();
        inode.durable = contentOf(inode, (unsynced) => unsynced);
        inode.unsynced = [];
      },
      // Descriptors are given back even by a machine that is "dead", or the test itself would leak them.
      close: () => open.close(),
    };
  }

  private folderOf(file: string): Folder {
    const record = this.folders.get(path.dirname(file));
    if (record === undefined) throw Object.assign(new Error('No such folder'), { code: 'ENOENT' });
    return record;
  }

  private count(): void {
    const fault = this.nextFault();
    if (fault !== undefined) throw errorOf(fault);
  }

  private nextFault(): Fault | undefined {
    this.dieIfDead();
    this.operations += 1;
    if (this.fault?.at !== this.operations || this.fault.among === 'looks') return undefined;
    this.isDead = this.fault.kind === 'powerLoss';
    return this.fault;
  }

  private dieIfDead(): void {
    if (this.isDead) throw powerLost();
  }
}

function emptyFolder(): Folder {
  return { durable: new Map(), current: new Map(), unsynced: [] };
}

function change(folder: Folder, apply: (entries: Map<string, Entry>) => void): void {
  apply(folder.current);
  folder.unsynced.push(apply);
}

function contentOf(inode: Inode, luck: Luck): Buffer {
  const done = inode.unsynced.slice(0, luck(inode.unsynced.length));
  return done.reduce((content, apply) => apply(content), inode.durable);
}

function overwrite(content: Buffer, bytes: Buffer, position: number): Buffer {
  const result = Buffer.alloc(Math.max(content.length, position + bytes.length));
  content.copy(result);
  bytes.copy(result, position);
  return result;
}

function errorOf(fault: Fault): Error {
  return fault.kind === 'powerLoss' ? powerLost() : Object.assign(new Error(fault.kind), { code: fault.kind });
}

function powerLost(): Error {
  return Object.assign(new Error('The power is off'), { code: 'EIO' });
}
