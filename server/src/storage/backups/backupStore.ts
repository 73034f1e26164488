import * as path from 'node:path';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { BackupReason, BackupSummary } from '../../../protocol/backup.ts';
import { CodedError } from '../../../protocol/errors.ts';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import type { Clock } from '../../base/clock.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder, namesIn } from '../../base/folders.ts';
import type { Logger } from '../../base/logger.ts';
import { storageFailed } from '../errors.ts';
import { journalSuffix } from '../journalFormat.ts';
import {
  backupId,
  isSigningKey,
  manifestSuffix,
  manifestText,
  notesOf,
  numberOf,
  parseManifest,
  sizeOfPart,
  type BackupManifest,
  type SavedFile,
} from './backupManifest.ts';
import { BackupParts } from './backupParts.ts';
import { bytesOf, expendable, retentionLimits, type RetentionLimits } from './backupRetention.ts';
import { listSources, readSource, UnreadableSource, type SourceFile } from './backupSources.ts';

/** The clock of files may be coarse: one changed this shortly before a backup may have changed again after it. */
const settledMs = 2_000;
const maxManifestBytes = 512 * 1024 * 1024;

export interface BackupSystem {
  /** Absolute path. */
  readonly dataFolder: string;
  readonly productVersion: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: RetentionLimits;
}

/** How far some work is; `total` may be 0. */
export type Progress = (done: number, total: number) => void;

/** A backup as it stands on the disk. Without a manifest, its file cannot be read. */
export interface StoredBackup {
  readonly id: string;
  readonly number: number;
  readonly manifest: BackupManifest | undefined;
  /** Every part is there; what is in them is known only after reading them. */
  readonly isWhole: boolean;
}

interface NewBackup {
  readonly reason: BackupReason;
  /** These stay, whatever their age. */
  readonly wanted?: ReadonlySet<string>;
  readonly onProgress?: Progress | undefined;
  /** Called where another one was made, and the newest was not answered. */
  readonly onMade?: (manifest: BackupManifest) => void;
  readonly signal: AbortSignal;
}

/**
 * The backups of a data folder: `backups/v1/generations/<id>.json` says what belongs to one, `backups/v1/parts/` has the
 * content, each part once. What writes here is for the holder of the lock of `BackupService` only.
 */
export class BackupStore {
  readonly parts: BackupParts;
  private readonly system: BackupSystem;
  private readonly generations: string;

  constructor(system: BackupSystem) {
    this.system = system;
    this.generations = path.join(system.dataFolder, 'backups', 'v1', 'generations');
    this.parts = new BackupParts(path.join(system.dataFolder, 'backups', 'v1', 'parts'), system.fileSystem);
  }

  /** All backups, the latest first. */
  async stored(): Promise<StoredBackup[]> {
    const present = await this.parts.names();
    const stored: StoredBackup[] = [];
    for (const fileName of await namesIn(this.generations, this.system.fileSystem)) {
      const number = numberOf(fileName);
      if (number === undefined) continue;
      const manifest = await this.readManifest(fileName);
      const isWhole = manifest?.files.every(({ parts }) => parts.every((part) => present.has(part))) === true;
      stored.push({ id: fileName.slice(0, -manifestSuffix.length), number, manifest, isWhole });
    }
    return stored.sort((a, b) => b.number - a.number);
  }

  /** Rejects with `NotFound`. `id` may be `latest`: the newest one that is whole. */
  async find(id: string): Promise<StoredBackup> {
    const stored = await this.stored();
    const found = stored.find((backup) => (id === 'latest' ? backup.isWhole : backup.id === id));
    if (found !== undefined) return found;
    throw new CodedError('NotFound', `There is no backup ${id.slice(0, 64)}. "backup list" shows which there are.`, {
      args: { id: id.slice(0, 64) },
    });
  }

  /**
   * Saves everything as it is now. Where nothing has changed since the newest backup, that one is answered. Rejects with
   * a `CodedError`, or with the signal's reason; nothing but unused parts is left then, which the next one removes.
   */
  async create(wanted: NewBackup): Promise<BackupManifest> {
    try {
      return await this.createAnew(wanted);
    } catch (error) {
      // A full disk should not stay full because of half a backup.
      await this.sweep().catch((sweepError: unknown) => {
        this.system.logger.warn('What a failed backup left could not be removed yet', { error: sweepError });
      });
      wanted.signal.throwIfAborted();
      throw storageFailed('make a backup', error);
    }
  }

  /** Deletes the backups that need not be kept, and the parts that none has. */
  async prune(wanted: ReadonlySet<string>): Promise<void> {
    const stored = await this.stored();
    const known = stored.map((backup) => ({
      id: backup.id,
      number: backup.number,
      createdAt: backup.manifest?.createdAt ?? 0,
      reason: backup.manifest?.reason ?? ('manual' as const),
      isGood: backup.isWhole,
      parts: partsOf(backup.manifest),
    }));
    const gone = expendable(known, wanted, this.system.limits ?? retentionLimits);
    const { fileSystem } = this.system;
    for (const id of gone) await fileSystem.remove(path.join(this.generations, `${id}${manifestSuffix}`));
    if (gone.size > 0) await fileSystem.syncFolder(this.generations);
    await this.sweep();
  }

  /** Bytes that all backups take together. */
  usedBytes(stored: readonly StoredBackup[]): number {
    return bytesOf(stored.map(({ manifest }) => ({ parts: partsOf(manifest) })));
  }

  private async createAnew({ reason, wanted, onProgress, onMade, signal }: NewBackup): Promise<BackupManifest> {
    const { dataFolder, fileSystem, clock, productVersion, logger } = this.system;
    const stored = await this.stored();
    await this.sweep(stored);
    const newest = stored.find(({ isWhole }) => isWhole)?.manifest;
    // Sizes are taken first, all at once: what is written from now on is not in this backup.
    const listed = await listSources(dataFolder, fileSystem);
    const { files, unreadable } = await this.copyAll(listed.files, newest, { onProgress, signal });
    unreadable.push(...listed.unreadable);
    this.carryOver(files, unreadable, newest);
    // One that lacks something is not the same as one that lacks nothing, even if it got the same content from before.
    const lacksNothing = unreadable.length === 0 && newest?.unreadable.length === 0;
    if (lacksNothing && sameContent(files, newest.files)) return newest;
    await this.parts.sync();
    const number = (stored[0]?.number ?? 0) + 1;
    const createdAt = clock.now();
    const id = backupId(number, createdAt);
    const manifest = { id, number, createdAt, productVersion, reason, files, unreadable };
    await ensureFolder(this.generations, fileSystem);
    signal.throwIfAborted();
    await writeFileAtomic(path.join(this.generations, `${id}${manifestSuffix}`), manifestText(manifest), fileSystem);
    onMade?.(manifest);
    logger.info('A backup was made', { id, reason, files: files.length, unreadable: unreadable.length });
    try {
      await this.prune(new Set([...(wanted ?? []), id]));
    } catch (error) {
      logger.warn('Old backups could not be removed yet', { error });
    }
    return manifest;
  }

  private async copyAll(
    sources: readonly SourceFile[],
    newest: BackupManifest | undefined,
    { onProgress, signal }: Pick<NewBackup, 'onProgress' | 'signal'>,
  ): Promise<{ files: SavedFile[]; unreadable: { path: string; code: string }[] }> {
    const { dataFolder, fileSystem } = this.system;
    const former = new Map(newest?.files.map((file) => [file.path, file]));
    const files: SavedFile[] = [];
    const unreadable: { path: string; code: string }[] = [];
    for (const [index, source] of sources.entries()) {
      signal.throwIfAborted();
      onProgress?.(index, sources.length);
      const known = former.get(source.path);
      if (known !== undefined && newest !== undefined && isUnchanged(source, known, newest.createdAt)) {
        if (await this.hasParts(known)) {
          files.push(known);
          continue;
        }
      }
      try {
        const saved = await readSource(dataFolder, source, fileSystem, async (part) => {
          signal.throwIfAborted();
          // Hashing goes on in this thread: requests have their turn after each part.
          await turnOfTheLoop();
          return this.parts.put(part);
        });
        if (saved !== undefined) files.push(saved);
      } catch (error) {
        if (!(error instanceof UnreadableSource)) throw error;
        unreadable.push({ path: source.path, code: error.code });
      }
    }
    onProgress?.(sources.length, sources.length);
    return { files, unreadable };
  }

  /** Of what cannot be read now, the copy of the backup before is as good as it gets. */
  private carryOver(
    files: SavedFile[],
    unreadable: readonly { path: string }[],
    newest: BackupManifest | undefined,
  ): void {
    for (const former of newest?.files ?? []) {
      const isLost = unreadable.some((lost) => former.path === lost.path || former.path.startsWith(`${lost.path}/`));
      if (isLost && !isSigningKey(former.path) && !files.some((file) => file.path === former.path)) files.push(former);
    }
  }

  private async hasParts(file: SavedFile): Promise<boolean> {
    for (const [index, part] of file.parts.entries()) {
      if (!(await this.parts.has(part, sizeOfPart(file, index)))) return false;
    }
    return true;
  }

  /** While a manifest cannot be read nobody knows which parts it needs, so all stay. */
  private async sweep(known?: readonly StoredBackup[]): Promise<void> {
    const stored = known ?? (await this.stored());
    if (stored.some(({ manifest }) => manifest === undefined)) return;
    await this.parts.sweep(new Set(stored.flatMap(({ manifest }) => [...partsOf(manifest).keys()])));
  }

  private async readManifest(fileName: string): Promise<BackupManifest | undefined> {
    const { fileSystem, logger } = this.system;
    try {
      const file = await fileSystem.open(path.join(this.generations, fileName), 'read');
      try {
        const { sizeBytes } = await fileSystem.stat(path.join(this.generations, fileName));
        const bytes = Buffer.allocUnsafe(Math.min(sizeBytes, maxManifestBytes));
        let length = 0;
        for (let count = -1; count !== 0 && length < bytes.byteLength; length += count) {
          count = await file.read(bytes.subarray(length), length);
        }
        const manifest = parseManifest(bytes.toString('utf8', 0, length));
        return `${manifest?.id ?? ''}${manifestSuffix}` === fileName ? manifest : undefined;
      } finally {
        await file.close();
      }
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined && !(error instanceof SyntaxError)) throw error;
      logger.warn('The list of a backup cannot be read', { fileName, error });
      return undefined;
    }
  }
}

/** What a client is told of a backup. */
export function summaryOf({ id, manifest, isWhole }: StoredBackup): BackupSummary {
  const files = manifest?.files ?? [];
  return {
    id,
    createdAt: manifest?.createdAt ?? null,
    reason: manifest?.reason ?? null,
    version: manifest?.productVersion ?? null,
    conversations: files.filter((file) => file.path.endsWith(journalSuffix)).length,
    files: files.length,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    notes: manifest === undefined ? [] : notesOf(manifest),
    status: !isWhole || manifest === undefined ? 'damaged' : lacksSomething(manifest) ? 'partial' : 'good',
  };
}

/** Journals of a backup that were damaged so badly when they were saved that they are no conversations any more. */
export function unopenableOf({ files }: BackupManifest): string[] {
  return files.filter(({ isUnopenable }) => isUnopenable).map((file) => file.path);
}

function lacksSomething(manifest: BackupManifest): boolean {
  return manifest.unreadable.length > 0 || unopenableOf(manifest).length > 0;
}

function partsOf(manifest: BackupManifest | undefined): Map<string, number> {
  const parts = new Map<string, number>();
  for (const file of manifest?.files ?? []) {
    file.parts.forEach((part, index) => parts.set(part, sizeOfPart(file, index)));
  }
  return parts;
}

function isUnchanged(source: SourceFile, known: SavedFile, savedAt: number): boolean {
  return (
    source.sourceBytes === known.sourceBytes &&
    source.modifiedAt === known.modifiedAt &&
    source.modifiedAt < savedAt - settledMs
  );
}

function sameContent(some: readonly SavedFile[], others: readonly SavedFile[]): boolean {
  const known = new Map(others.map(({ path: file, sha256 }) => [file, sha256]));
  return some.length === others.length && some.every((file) => known.get(file.path) === file.sha256);
}
