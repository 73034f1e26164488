import { constants, watch } from 'node:fs';
import * as fs from 'node:fs/promises';
import { toDisposable, type Disposable } from './disposable.ts';

/** An open file. Positions and lengths are bytes; there is no cursor. */
export interface OpenFile {
  /** Fills `into` from `position`; answers how many bytes there were, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Answers how many bytes were written, which may be fewer than given. */
  write(data: Uint8Array, position: number): Promise<number>;
  truncate(lengthBytes: number): Promise<void>;
  /** Resolves once content and size would survive a loss of power. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileFacts {
  readonly kind: 'file' | 'folder' | 'other';
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  /** Opaque; another one if another file has taken the place of the first. */
  readonly identity: string;
}

/**
 * File operations as the storage needs them, each of them small enough to be made to fail on its own. Every method
 * rejects with Node's own error, `code` included.
 */
export interface FileSystem {
  /**
   * `createNew` fails with `EEXIST` if there is anything of that name, a dangling link included. What is written to a
   * file opened with `append` lands at its end, wherever that is by then; the position given is not looked at.
   */
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Follows links. */
  stat(path: string): Promise<FileFacts>;
  /** Names in a folder, in no order. */
  list(folder: string): Promise<readonly string[]>;
  /** One level only; fails with `EEXIST`. */
  createFolder(path: string): Promise<void>;
  /** Replaces what is there. */
  rename(from: string, to: string): Promise<void>;
  /** Not for folders; of a link, the link itself. */
  remove(path: string): Promise<void>;
  /** Only an empty one. */
  removeFolder(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(folder: string): Promise<void>;
  /** Calls `onChange` some time after a file has changed; may call too often, and `onFailed` once if it no longer can. */
  watch(path: string, onChange: () => void, onFailed: (error: unknown) => void): Disposable;
}

/** How a file is opened; all but `createNew` fail with `ENOENT` if there is none. */
export type OpenMode = 'read' | 'readWrite' | 'append' | 'createNew';

const fileMode = 0o600;
const folderMode = 0o700;
const flags = {
  read: 'r',
  readWrite: 'r+',
  append: constants.O_RDWR | constants.O_APPEND,
  createNew: 'wx+',
} as const;

/** The machine's own file system. What it creates is for the owner alone. */
export const nodeFileSystem: FileSystem = {
  async open(path, mode) {
    const file = openFile(await fs.open(path, flags[mode], fileMode));
    // Windows takes the right to cut a file from whoever opens it for appending.
    const cutsByPath = mode === 'append' && process.platform === 'win32';
    return cutsByPath ? { ...file, truncate: (lengthBytes) => fs.truncate(path, lengthBytes) } : file;
  },
  async stat(path) {
    const stats = await fs.stat(path);
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
    return { kind, sizeBytes: stats.size, modifiedAt: stats.mtimeMs, identity: `${stats.dev}-${stats.ino}` };
  },
  list: (folder) => fs.readdir(folder),
  createFolder: (path) => fs.mkdir(path, { mode: folderMode }),
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.unlink(path),
  removeFolder: (path) => fs.rmdir(path),
  async syncFolder(folder) {
    // Windows cannot open a folder; there NTFS journals renames by itself.
    if (process.platform === 'win32') return;
    const handle = await fs.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  watch(path, onChange, onFailed) {
    const watcher = watch(path, { persistent: false }, onChange);
    watcher.on('error', (error) => {
      watcher.close();
      onFailed(error);
    });
    return toDisposable(() => watcher.close());
  },
};

function openFile(handle: fs.FileHandle): OpenFile {
  return {
    read: async (into, position) => (await handle.read(into, 0, into.byteLength, position)).bytesRead,
    write: async (data, position) => (await handle.write(data, 0, data.byteLength, position)).bytesWritten,
    truncate: (lengthBytes) => handle.truncate(lengthBytes),
    datasync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

/** Writes all of `data`, however many writes that takes. */
export async function writeFully(file: OpenFile, data: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < data.byteLength) {
    const count = await file.write(data.subarray(written), position + written);
    if (count === 0) throw Object.assign(new Error('The file takes no more bytes'), { code: 'ENOSPC' });
    written += count;
  }
}

/** The `code` of a system error (`ENOENT`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
