import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { errorCode, writeFully, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder } from '../../base/folders.ts';
import { sizeOfPart, type SavedFile } from './backupManifest.ts';
import type { BackupStore, Progress, StoredBackup } from './backupStore.ts';

interface Watched {
  readonly onProgress?: Progress | undefined;
  readonly signal: AbortSignal;
}

/** Where a backup's parts are, and how its reading is watched. */
export interface ReadingFrom extends Watched {
  readonly store: BackupStore;
}

/** A file of a backup that is not as it was saved, and why. */
export interface DamagedFile {
  readonly path: string;
  /** To complete "it is damaged: …". */
  readonly why: string;
}

/** Reads a backup back and answers what is wrong with it, a sentence each. Damaged parts are put aside. */
export async function verifyBackup({ id, manifest }: StoredBackup, from: ReadingFrom): Promise<string[]> {
  if (manifest === undefined) return [`The list of what belongs to ${id} cannot be read.`];
  const damaged = await findDamaged(manifest.files, from);
  return damaged.map(({ path: file, why }) => `${file} is damaged: ${why}.`);
}

/** Reads files of a backup back, and answers those that are damaged. Their damaged parts are put aside. */
export function findDamaged(files: readonly SavedFile[], from: ReadingFrom): Promise<DamagedFile[]> {
  return eachFile(files, from, async (file) => {
    for await (const part of partsOf(file, from.store)) if (part.byteLength > 0) from.signal.throwIfAborted();
  });
}

/**
 * Writes files of a backup into a new folder, durably. Answers those that are damaged, which are not written; their
 * damaged parts are put aside. Rejects with what the disk said, or with the signal's reason.
 */
export async function writeFilesTo(
  folder: string,
  files: readonly SavedFile[],
  from: ReadingFrom & { readonly fileSystem: FileSystem },
): Promise<DamagedFile[]> {
  const { store, fileSystem } = from;
  const folders = new Set<string>();
  const damaged = await eachFile(files, from, async (file) => {
    const target = path.join(folder, ...file.path.split('/'));
    await ensureFolder(path.dirname(target), fileSystem);
    folders.add(path.dirname(target));
    await writeParts(target, file, { store, fileSystem });
  });
  for (const each of folders) await fileSystem.syncFolder(each);
  return damaged;
}

/** Answers the files of which `read` has found that they are damaged. */
async function eachFile(
  files: readonly SavedFile[],
  { store, onProgress, signal }: ReadingFrom,
  read: (file: SavedFile) => Promise<void>,
): Promise<DamagedFile[]> {
  const damaged: DamagedFile[] = [];
  for (const [index, file] of files.entries()) {
    signal.throwIfAborted();
    onProgress?.(index, files.length);
    try {
      await read(file);
    } catch (error) {
      if (!(error instanceof DamagedPart)) throw error;
      damaged.push({ path: file.path, why: error.message });
      // The next backup keeps a good one in its place, if the file still is what it was.
      if (error.partName !== undefined) await store.parts.putAside(error.partName);
    }
  }
  onProgress?.(files.length, files.length);
  return damaged;
}

class DamagedPart extends Error {
  /** Undefined where no single part is to blame. */
  readonly partName: string | undefined;

  constructor(partName: string | undefined, message: string) {
    super(message);
    this.partName = partName;
  }
}

async function* partsOf(file: SavedFile, store: BackupStore): AsyncGenerator<Uint8Array> {
  const whole = createHash('sha256');
  for (const [index, name] of file.parts.entries()) {
    const read = (): Promise<Uint8Array | string> => readPart(store, name, sizeOfPart(file, index));
    let bytes = await read();
    // What is put aside is lost to every backup that has it: a disk that failed once is asked again.
    if (typeof bytes === 'string') bytes = await read();
    if (typeof bytes === 'string') throw new DamagedPart(name, `part ${index + 1} ${bytes}`);
    whole.update(bytes);
    yield bytes;
  }
  if (whole.digest('hex') !== file.sha256) throw new DamagedPart(undefined, 'its parts do not make up the file');
}

/** The bytes of a part, or what is wrong with it. */
async function readPart(store: BackupStore, name: string, sizeBytes: number): Promise<Uint8Array | string> {
  try {
    return (await store.parts.read(name, sizeBytes)) ?? 'is missing or was changed';
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return `cannot be read, ${code}`;
  }
}

async function writeParts(
  target: string,
  saved: SavedFile,
  { store, fileSystem }: { store: BackupStore; fileSystem: FileSystem },
): Promise<void> {
  const file = await fileSystem.open(target, 'createNew');
  try {
    try {
      let position = 0;
      for await (const part of partsOf(saved, store)) {
        await writeFully(file, part, position);
        position += part.byteLength;
      }
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // Half a file must not take the place of a whole one.
    if (error instanceof DamagedPart) await fileSystem.remove(target);
    throw error;
  }
}
