import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';
import { errorCode, type FileSystem, type OpenFile } from '../../base/fileSystem.ts';
import { JournalFold, journalSuffix } from '../journalFormat.ts';
import { maxRecordBytes, scanRecords } from '../recordCodec.ts';
import { isSavedPath, isSigningKey, partBytes, savedRoots, type SavedFile } from './backupManifest.ts';

/** Folders below a saved one; nothing of ours is nested deeper, and a link that leads in a circle ends here. */
const maxDepth = 8;
const maxFiles = 1_000_000;
const newline = 0x0a;
/** Claims on conversations belong to processes, and files in the making to nobody yet. */
const isPassing = (name: string): boolean => /\.lock-\d/.test(name) || name.endsWith('.tmp');

/** A file that is to be saved, as it was when it was listed. */
export type SourceFile = Pick<SavedFile, 'path' | 'modifiedAt' | 'sourceBytes'>;

/** A file could not be read; the rest can still be saved. */
export class UnreadableSource extends Error {
  readonly code: string;

  constructor(cause: unknown) {
    super('A file of the data folder cannot be read', { cause });
    this.code = errorCode(cause) ?? 'unknown error';
  }
}

/** Everything in the data folder that is saved, and what could not even be listed. */
export async function listSources(
  dataFolder: string,
  fileSystem: FileSystem,
): Promise<{ files: SourceFile[]; unreadable: { path: string; code: string }[] }> {
  const files: SourceFile[] = [];
  const unreadable: { path: string; code: string }[] = [];
  const walk = async (relative: string, depth: number): Promise<void> => {
    const absolute = path.join(dataFolder, ...relative.split('/'));
    try {
      // A key that lies in every backup is harder to take back; whoever has none makes a new one.
      if (isSigningKey(relative)) return;
      const facts = await fileSystem.stat(absolute);
      if (facts.kind === 'folder' && depth < maxDepth) {
        const names = [...(await fileSystem.list(absolute))].filter((name) => !isPassing(name)).sort();
        // Signatures are written after their records, so here their size is taken first: none is without its record.
        if (relative === 'audit') names.reverse();
        for (const name of names) await walk(`${relative}/${name}`, depth + 1);
      } else if (facts.kind === 'file' && files.length < maxFiles) {
        if (!isSavedPath(relative)) unreadable.push({ path: relative, code: 'EINVAL' });
        else files.push({ path: relative, modifiedAt: facts.modifiedAt, sourceBytes: facts.sizeBytes });
      }
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      if (code !== 'ENOENT') unreadable.push({ path: relative, code });
    }
  };
  for (const root of savedRoots) await walk(root, 0);
  return { files, unreadable };
}

/**
 * Reads a file up to the size it was listed with, a journal up to its last whole record, and hands out its parts in
 * order, never more than one at a time. Undefined if it was deleted meanwhile. Rejects with `UnreadableSource`, or with
 * what `keep` rejects with.
 */
export async function readSource(
  dataFolder: string,
  source: SourceFile,
  fileSystem: FileSystem,
  keep: (part: Uint8Array) => Promise<string>,
): Promise<SavedFile | undefined> {
  const absolute = path.join(dataFolder, ...source.path.split('/'));
  const file = await fileSystem.open(absolute, 'read').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new UnreadableSource(error);
  });
  if (file === undefined) return undefined;
  try {
    const isJournal = source.path.endsWith(journalSuffix);
    const end = isJournal ? await endOfWholeRecords(file, source.sourceBytes) : source.sourceBytes;
    const whole = createHash('sha256');
    const parts: string[] = [];
    let sizeBytes = 0;
    let beginning: Uint8Array = Buffer.alloc(0);
    while (sizeBytes < end) {
      const part = await readRange(file, sizeBytes, Math.min(partBytes, end - sizeBytes));
      if (part.byteLength === 0) break;
      if (sizeBytes === 0) beginning = part;
      whole.update(part);
      parts.push(await keep(part));
      sizeBytes += part.byteLength;
      if (part.byteLength < partBytes) break;
    }
    const isUnopenable = isJournal && (await hasLostHeader(path.posix.basename(source.path), beginning));
    const saved = { ...source, sizeBytes, sha256: whole.digest('hex'), parts };
    return isUnopenable ? { ...saved, isUnopenable } : saved;
  } finally {
    await file.close();
  }
}

/** Whether a journal that begins with these bytes does not say any more whose conversation it is, so that none can open it. */
async function hasLostHeader(fileName: string, beginning: Uint8Array): Promise<boolean> {
  const fold = new JournalFold(fileName);
  const read = (into: Uint8Array, position: number): Promise<number> => {
    const bytes = beginning.subarray(position, position + into.byteLength);
    into.set(bytes);
    return Promise.resolve(bytes.byteLength);
  };
  try {
    const { damaged } = await scanRecords({ read }, 0, (json) => !fold.take(json));
    return damaged[0]?.offset === 0 || !fold.hasHeader;
  } catch (error) {
    // That of a newer program is not damaged: that program can open it.
    if (error instanceof CodedError) return error.reason !== 'Unsupported';
    throw error;
  }
}

/**
 * Where the last whole record ends before `limit`: a record is a line, and only the last one may be half written. What
 * is damaged in the middle is saved as it is.
 */
async function endOfWholeRecords(file: OpenFile, limit: number): Promise<number> {
  const start = Math.max(0, limit - maxRecordBytes - 64);
  const last = limit === 0 ? undefined : (await readRange(file, limit - 1, 1))[0];
  if (last === newline || limit === 0) return limit;
  const tail = await readRange(file, start, limit - start);
  const lineStart = start + tail.lastIndexOf(newline) + 1;
  // The line break alone may be damaged, or be all that is missing: the record itself is then whole.
  const bounded = {
    read: async (into: Uint8Array, position: number) => {
      const bytes = await readRange(file, position, Math.max(0, Math.min(into.byteLength, limit - position)));
      into.set(bytes);
      return bytes.byteLength;
    },
  };
  return (await scanRecords(bounded, lineStart, () => true)).goodEnd;
}

async function readRange(file: OpenFile, position: number, lengthBytes: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  let length = 0;
  try {
    while (length < lengthBytes) {
      const count = await file.read(bytes.subarray(length), position + length);
      if (count === 0) break;
      length += count;
    }
  } catch (error) {
    throw new UnreadableSource(error);
  }
  return bytes.subarray(0, length);
}
