import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';
import { errorCode, writeFully, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder } from '../../base/folders.ts';
import { sizeOfPart, type BackupManifest, type SavedFile } from './backupManifest.ts';
import type { BackupStore, Progress, StoredBackup } from './backupStore.ts';

interface Watched {
  readonly onProgress?: Progress | undefined;
  readonly signal: AbortSignal;
}

/** Reads a backup back and answers what is wrong with it, a sentence each. Damaged parts are put aside. */
export async function verifyBackup(
  { id, manifest }: StoredBackup,
  store: BackupStore,
  { onProgress, signal }: Watched,
): Promise<string[]> {
  if (manifest === undefined) return [`The list of what belongs to ${id} cannot be read.`];
  const problems: string[] = [];
  for (const [index, file] of manifest.files.entries()) {
    signal.throwIfAborted();
    onProgress?.(index, manifest.files.length);
    try {
      for await (const part of partsOf(file, store)) if (part.byteLength > 0) signal.throwIfAborted();
    } catch (error) {
      if (!(error instanceof DamagedPart)) throw error;
      problems.push(`${file.path} is damaged: ${error.message}.`);
      if (error.partName !== undefined) await store.parts.putAside(error.partName);
    }
  }
  onProgress?.(manifest.files.length, manifest.files.length);
  return problems;
}

/**
 * Writes all files of a backup into a new folder, durably. Rejects with `Unavailable` where the backup is damaged,
 * naming the file; with what the disk said; or with the signal's reason.
 */
export async function writeBackupTo(
  folder: string,
  manifest: BackupManifest,
  around: Watched & { readonly store: BackupStore; readonly fileSystem: FileSystem },
): Promise<void> {
  const { store, fileSystem, onProgress, signal } = around;
  const folders = new Set<string>();
  for (const [index, file] of manifest.files.entries()) {
    signal.throwIfAborted();
    onProgress?.(index, manifest.files.length);
    const target = path.join(folder, ...file.path.split('/'));
    await ensureFolder(path.dirname(target), fileSystem);
    folders.add(path.dirname(target));
    try {
      await writeParts(target, file, { store, fileSystem });
    } catch (error) {
      if (!(error instanceof DamagedPart)) throw error;
      throw new CodedError(
        'Unavailable',
        `Backup ${manifest.id} was not restored: ${file.path} is damaged (${error.message}). Nothing was changed; take another backup.`,
        { args: { id: manifest.id }, cause: error },
      );
    }
  }
  for (const each of folders) await fileSystem.syncFolder(each);
  onProgress?.(manifest.files.length, manifest.files.length);
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
    const bytes = await store.parts.read(name, sizeOfPart(file, index)).catch((error: unknown) => {
      const code = errorCode(error);
      if (code === undefined) throw error;
      throw new DamagedPart(name, `part ${index + 1} cannot be read, ${code}`);
    });
    if (bytes === undefined) throw new DamagedPart(name, `part ${index + 1} is missing or was changed`);
    whole.update(bytes);
    yield bytes;
  }
  if (whole.digest('hex') !== file.sha256) throw new DamagedPart(undefined, 'its parts do not make up the file');
}

async function writeParts(
  target: string,
  saved: SavedFile,
  { store, fileSystem }: { store: BackupStore; fileSystem: FileSystem },
): Promise<void> {
  const file = await fileSystem.open(target, 'createNew');
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
}
