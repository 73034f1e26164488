import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { journalSuffix } from '../journalFormat.ts';
import {
  isAuditPath,
  isSigningKey,
  replacedRoots,
  sha256Of,
  type BackupManifest,
  type SavedFile,
} from './backupManifest.ts';
import type { DamagedFile } from './backupReading.ts';
import { listSources, readSource, UnreadableSource, type SourceFile } from './backupSources.ts';

/** Of each kind of difference, so many are told. */
const maxListed = 1_000;

interface Place {
  /** Absolute path. */
  readonly dataFolder: string;
  readonly fileSystem: FileSystem;
}

/** What of a backup is put back. */
export interface RestorePlan {
  readonly backupId: string;
  readonly files: readonly SavedFile[];
  /** What is replaced as a whole, files of the present state that the backup does not have included. */
  readonly roots: readonly string[];
}

/** Files, relative to the data folder, that a restore adds, changes, removes, and leaves as they are. */
export interface Differences {
  readonly added: string[];
  readonly changed: string[];
  readonly removed: string[];
  /** Damaged in the backup. */
  readonly damaged: string[];
}

/**
 * Plans the restore of everything, or of one conversation. Of the audit log, only what is gone or was cut is put back:
 * its files only grow, so the longer one has all that the other one has. Rejects with `NotFound` where the backup has
 * no such conversation.
 */
export async function planRestore(
  { id: backupId, files }: BackupManifest,
  conversationId: string | undefined,
  place: Place,
): Promise<RestorePlan> {
  if (conversationId !== undefined) {
    const journal = files.find((file) => isJournalOf(conversationId, file.path));
    if (journal === undefined) throw conversationNotSaved(backupId, conversationId);
    return { backupId, files: [journal], roots: [] };
  }
  const wanted: SavedFile[] = [];
  for (const file of files) {
    if (!isAuditPath(file.path) || (await isLonger(file, place))) wanted.push(file);
  }
  return { backupId, files: wanted, roots: replacedRoots };
}

/** The names that are to be exchanged, given what of the plan could not be read. */
export function namesToReplace({ files, roots }: RestorePlan, damaged: readonly DamagedFile[]): string[] {
  const missing = new Set(damaged.map((file) => file.path));
  const single = files.filter((file) => !missing.has(file.path) && !isInside(file.path, roots));
  return [...roots, ...single.map((file) => file.path)];
}

/** Whether replacing these names replaces, or takes with it, what stands at `relative`. */
export function isInside(relative: string, names: readonly string[]): boolean {
  return names.some((name) => relative === name || relative.startsWith(`${name}/`));
}

/** What a restore would change now. Rejects with the signal's reason. */
export async function differencesOf(
  plan: RestorePlan,
  damaged: readonly DamagedFile[],
  { dataFolder, fileSystem, signal }: Place & { readonly signal: AbortSignal },
): Promise<Differences> {
  const { files } = await listSources(dataFolder, fileSystem);
  const untouched = new Set(damaged.map((file) => file.path));
  const saved = new Map(plan.files.filter((file) => !untouched.has(file.path)).map((file) => [file.path, file]));
  const result: Differences = { added: [], changed: [], removed: [], damaged: [...untouched] };
  for (const source of files) {
    signal.throwIfAborted();
    const other = saved.get(source.path);
    saved.delete(source.path);
    if (other !== undefined) {
      if (!(await isSame(source, other, { dataFolder, fileSystem }))) result.changed.push(source.path);
    } else if (isInside(source.path, plan.roots) && !untouched.has(source.path)) result.removed.push(source.path);
  }
  result.added.push(...saved.keys());
  return {
    added: result.added.slice(0, maxListed),
    changed: result.changed.slice(0, maxListed),
    removed: result.removed.slice(0, maxListed),
    damaged: result.damaged.slice(0, maxListed),
  };
}

function isJournalOf(conversationId: string, relative: string): boolean {
  return relative.startsWith('conversations/') && path.posix.basename(relative) === `${conversationId}${journalSuffix}`;
}

async function isLonger(saved: SavedFile, { dataFolder, fileSystem }: Place): Promise<boolean> {
  if (isSigningKey(saved.path)) return false;
  try {
    const present = await fileSystem.stat(path.join(dataFolder, ...saved.path.split('/')));
    return present.kind === 'file' && present.sizeBytes < saved.sizeBytes;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    throw error;
  }
}

async function isSame(source: SourceFile, saved: SavedFile, { dataFolder, fileSystem }: Place): Promise<boolean> {
  try {
    const now = await readSource(dataFolder, source, fileSystem, (part) => Promise.resolve(sha256Of(part)));
    return now?.sha256 === saved.sha256;
  } catch (error) {
    if (error instanceof UnreadableSource) return false;
    throw error;
  }
}

function conversationNotSaved(backupId: string, conversationId: string): CodedError {
  return new CodedError(
    'NotFound',
    `Backup ${backupId} has no conversation ${conversationId}. Try another backup; a dry run shows what is in one.`,
    { args: { id: backupId, conversationId } },
  );
}
