import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { errorCode, writeFully, type FileSystem } from '../base/fileSystem.ts';
import { DamagedFile } from './errors.ts';

/** Disks give space in blocks of this size. */
export const blockBytes = 4_096;

const kinds = ['entries', 'content'] as const;
export type FileKind = (typeof kinds)[number];

const ownName = /^[0-9a-f]{64}$/;
const temporaryName = /^[0-9a-f]{64}\.[0-9a-f]{12}\.tmp$/;
const namespaceName = /^[a-zA-Z]{1,64}$/;
export const quarantineName = 'quarantine';

export interface CacheFile {
  readonly path: string;
  readonly kind: FileKind | 'temporary' | 'quarantined';
  /** In whole blocks. */
  readonly takenBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** Where the file `name` of a namespace stands. */
export function fileOf(folder: string, namespace: string, kind: FileKind, name: string): string {
  return path.join(folder, namespace, kind, name);
}

/** Reads a file that has at most `maxBytes`; a longer one is damaged. Undefined if there is none. */
export async function readWhole(
  fileSystem: FileSystem,
  file: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const handle = await ifThere(fileSystem.open(file, 'read'));
  if (!handle) return undefined;
  try {
    // One byte more than there may be shows that there are too many.
    const buffer = Buffer.allocUnsafe(maxBytes + 1);
    let length = 0;
    for (;;) {
      const count = await handle.read(buffer.subarray(length), length);
      length += count;
      if (length > maxBytes) throw new DamagedFile(file, `it is longer than ${maxBytes} bytes`);
      if (count === 0 || length === maxBytes) break;
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file such that a reader sees all of it or nothing, making its folders where they are missing. It is not
 * synced: what a loss of power tears is found by its checksum, and was only a copy.
 */
export async function writeWhole(fileSystem: FileSystem, file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await openNew(fileSystem, temporary);
  try {
    try {
      await writeFully(handle, bytes, 0);
    } finally {
      await handle.close();
    }
    await fileSystem.rename(temporary, file);
  } catch (error) {
    // The first error is the one to report. What stays behind is removed by the next sweep.
    await fileSystem.remove(temporary).catch((removeError: unknown) => {
      if (error instanceof Error && error.cause === undefined) error.cause = removeError;
    });
    throw error;
  }
}

async function openNew(fileSystem: FileSystem, file: string) {
  try {
    return await fileSystem.open(file, 'createNew');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    // The first file of its namespace, or somebody has removed the folder while we run. Five levels up are ours.
    await createFolders(fileSystem, path.dirname(file), 5);
    return fileSystem.open(file, 'createNew');
  }
}

/** Makes a folder and those above it that are missing, at most `levels` of them. */
export async function createFolders(fileSystem: FileSystem, folder: string, levels: number): Promise<void> {
  try {
    await fileSystem.createFolder(folder);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || levels <= 1) throw error;
    await createFolders(fileSystem, path.dirname(folder), levels - 1);
    await createFolders(fileSystem, folder, 1);
  }
}

/** Gives what `operation` gives, or undefined where there is no such file. */
export async function ifThere<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Every file of the cache, or of one namespace. What has a name that we do not give is not ours, and not listed. */
export async function listFiles(fileSystem: FileSystem, folder: string, namespace?: string): Promise<CacheFile[]> {
  const namespaces = namespace === undefined ? await namesIn(fileSystem, folder) : [namespace];
  const files: CacheFile[] = [];
  for (const name of namespaces) {
    if (name === quarantineName) {
      const inside = path.join(folder, name);
      files.push(...(await filesIn(fileSystem, inside, () => 'quarantined')));
    } else if (namespaceName.test(name)) {
      for (const kind of kinds) {
        const inside = path.join(folder, name, kind);
        files.push(...(await filesIn(fileSystem, inside, (file) => kindOf(file, kind))));
      }
    }
  }
  return files;
}

function kindOf(name: string, kind: FileKind): CacheFile['kind'] | undefined {
  if (ownName.test(name)) return kind;
  return temporaryName.test(name) ? 'temporary' : undefined;
}

async function filesIn(
  fileSystem: FileSystem,
  folder: string,
  kindOfName: (name: string) => CacheFile['kind'] | undefined,
): Promise<CacheFile[]> {
  const files: CacheFile[] = [];
  for (const name of await namesIn(fileSystem, folder)) {
    const kind = kindOfName(name);
    if (!kind) continue;
    const file = path.join(folder, name);
    const facts = await ifThere(fileSystem.stat(file));
    if (facts?.kind !== 'file') continue;
    const takenBytes = Math.ceil(facts.sizeBytes / blockBytes) * blockBytes;
    files.push({ path: file, kind, takenBytes, modifiedAt: facts.modifiedAt });
  }
  return files;
}

async function namesIn(fileSystem: FileSystem, folder: string): Promise<readonly string[]> {
  try {
    return await fileSystem.list(folder);
  } catch (error) {
    // A file of the person's own in the place of a folder holds nothing of ours.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
