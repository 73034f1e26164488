import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder, exists, removeTree } from '../../base/folders.ts';
import type { Logger } from '../../base/logger.ts';
import { isSavedPath, savedRoots } from './backupManifest.ts';

/**
 * Replaces files and folders of a data folder by others of the same names. The new state is written aside first, then a note says what
 * is going to be replaced, and from then on the change is certain: a few renames, which whoever finds the note finishes.
 * Nobody may read the data folder while a note is there.
 */

interface SwapSystem {
  /** Absolute path. */
  readonly dataFolder: string;
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
}

const note = z.object({
  backupId: z.string(),
  /** The backup that was made before. */
  undoId: z.string().optional(),
  entries: z.array(
    z.object({
      /** Relative to the data folder, with slashes. */
      name: z.string().refine((name) => isSavedPath(name) || savedRoots.some((root) => root === name)),
      /** There is a new one, there was an old one. */
      isNew: z.boolean(),
      isOld: z.boolean(),
    }),
  ),
});
type Note = z.output<typeof note>;
const maxNoteBytes = 64 * 1024 * 1024;

/** What is to be replaced, and which restore that is. */
export interface SwapChange {
  readonly backupId: string;
  readonly undoId?: string | undefined;
  readonly names: readonly string[];
}

export class FolderSwap {
  /** Where the new state is to be written before `commit`. */
  readonly newFolder: string;
  private readonly system: SwapSystem;
  private readonly work: string;
  private readonly oldFolder: string;
  private readonly noteFile: string;

  constructor(system: SwapSystem) {
    this.system = system;
    const backups = path.join(system.dataFolder, 'backups');
    this.work = path.join(backups, 'restoring');
    this.newFolder = path.join(this.work, 'new');
    this.oldFolder = path.join(this.work, 'old');
    this.noteFile = path.join(backups, 'restoring.json');
  }

  /** Whether a change has begun and not ended: by a process that is at it, or by one that died. */
  isUnderWay(): Promise<boolean> {
    return exists(this.noteFile, this.system.fileSystem);
  }

  /** Empties the place for the new state. Rejects with what the disk said. */
  async prepare(): Promise<void> {
    await removeTree(this.work, this.system.fileSystem);
    await ensureFolder(this.newFolder, this.system.fileSystem);
  }

  /**
   * Puts what was prepared under `names` in place of what is there; a name under which nothing was prepared goes away.
   * Names are relative to the data folder, with slashes. `mayGoOn` is asked once, after the note stands and before anything is
   * replaced; if it rejects, nothing was changed. Rejects with `SwapUnfinished` where the change stopped half way and
   * could not be taken back either; `finish` then has to be called until it succeeds.
   */
  async commit(change: SwapChange, mayGoOn: () => Promise<void>): Promise<void> {
    const { fileSystem } = this.system;
    await ensureFolder(this.oldFolder, fileSystem);
    const entries: Note['entries'] = [];
    for (const name of change.names) {
      const [target, fresh] = this.placesOf(name);
      const isNew = await exists(fresh, fileSystem);
      const isOld = await exists(target, fileSystem);
      if (isNew || isOld) entries.push({ name, isNew, isOld });
    }
    await this.syncAll();
    const written: Note = { backupId: change.backupId, undoId: change.undoId, entries };
    try {
      await writeFileAtomic(this.noteFile, `${JSON.stringify(written)}\n`, fileSystem);
      await mayGoOn();
    } catch (error) {
      await this.removeNote();
      throw error;
    }
    try {
      await this.moveForward(written);
    } catch (error) {
      await this.recoverFrom(written, error);
    }
    await this.removeNote();
    await this.tidy();
  }

  /**
   * Ends what another process began, if there is a note. Answers which restore was finished. Rejects
   * with what the disk said, and may be called again.
   */
  async finish(): Promise<Omit<SwapChange, 'names'> | undefined> {
    const begun = await this.readNote();
    if (begun === undefined) return undefined;
    await this.moveForward(begun);
    await this.removeNote();
    await this.tidy();
    return begun;
  }

  /** Tried once more, then taken back. */
  private async recoverFrom(written: Note, error: unknown): Promise<void> {
    this.system.logger.warn('Replacing the data folder stopped half way; trying again', { error });
    try {
      await this.moveForward(written);
      return;
    } catch (again) {
      this.system.logger.error('Replacing the data folder failed again; taking it back', { error: again });
    }
    try {
      await this.moveBack(written);
      await this.removeNote();
    } catch (backError) {
      this.system.logger.error('Replacing the data folder could not be taken back', { error: backError });
      throw new SwapUnfinished({ cause: error });
    }
    throw error;
  }

  /** Each step may have been done before. */
  private async moveForward({ entries }: Note): Promise<void> {
    const { fileSystem } = this.system;
    for (const { name, isNew, isOld } of entries) {
      const [target, fresh, former] = this.placesOf(name);
      for (const place of [target, former]) await ensureFolder(path.dirname(place), fileSystem);
      const isWaiting = !isNew || (await exists(fresh, fileSystem));
      const isInPlace = isOld && isWaiting && !(await exists(former, fileSystem));
      if (isInPlace && (await exists(target, fileSystem))) await fileSystem.rename(target, former);
      if (!isNew || !(await exists(fresh, fileSystem))) continue;
      // Somebody who knows nothing of the note may have made one meanwhile; it is kept.
      if (await exists(target, fileSystem)) {
        await fileSystem.rename(target, `${former}.${randomBytes(6).toString('hex')}`);
      }
      await fileSystem.rename(fresh, target);
    }
    await this.syncPlaces(entries);
  }

  private async moveBack({ entries }: Note): Promise<void> {
    const { fileSystem } = this.system;
    for (const { name, isNew, isOld } of entries) {
      const [target, fresh, former] = this.placesOf(name);
      const isMoved = !isOld || (await exists(former, fileSystem));
      const isReplaced = isNew && isMoved && !(await exists(fresh, fileSystem));
      if (isReplaced) await fileSystem.rename(target, fresh);
      if (isOld && isMoved) await fileSystem.rename(former, target);
    }
    await this.syncPlaces(entries);
  }

  private placesOf(name: string): [target: string, fresh: string, former: string] {
    const segments = name.split('/');
    const [target, fresh, former] = [this.system.dataFolder, this.newFolder, this.oldFolder];
    return [path.join(target, ...segments), path.join(fresh, ...segments), path.join(former, ...segments)];
  }

  /** Makes every rename durable. */
  private async syncPlaces(entries: Note['entries']): Promise<void> {
    const folders = new Set(entries.flatMap(({ name }) => this.placesOf(name).map((place) => path.dirname(place))));
    for (const folder of folders) {
      if (await exists(folder, this.system.fileSystem)) await this.system.fileSystem.syncFolder(folder);
    }
    await this.syncAll();
  }

  private async syncAll(): Promise<void> {
    for (const folder of [this.newFolder, this.oldFolder, this.work]) await this.system.fileSystem.syncFolder(folder);
  }

  /** First of all, for without a note nobody moves anything any more. */
  private async removeNote(): Promise<void> {
    const { fileSystem } = this.system;
    try {
      await fileSystem.remove(this.noteFile);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    await fileSystem.syncFolder(path.dirname(this.noteFile));
  }

  /** What was replaced stands in the backup that was made before, so it may go; if it cannot go now, it does later. */
  private async tidy(): Promise<void> {
    try {
      await removeTree(this.work, this.system.fileSystem);
    } catch (error) {
      this.system.logger.warn('What a restore has replaced could not be removed yet', { error });
    }
  }

  private async readNote(): Promise<Note | undefined> {
    const { fileSystem } = this.system;
    if (!(await this.isUnderWay())) return undefined;
    const file = await fileSystem.open(this.noteFile, 'read');
    try {
      const { sizeBytes } = await fileSystem.stat(this.noteFile);
      const bytes = Buffer.alloc(Math.min(sizeBytes, maxNoteBytes));
      for (let [length, count] = [0, -1]; count !== 0 && length < bytes.byteLength; length += count) {
        count = await file.read(bytes.subarray(length), length);
      }
      return note.parse(JSON.parse(bytes.toString('utf8')));
    } finally {
      await file.close();
    }
  }
}

/** A part of the data folder was replaced and another was not. */
export class SwapUnfinished extends Error {
  constructor(options: ErrorOptions) {
    super('The data folder is replaced in part only', options);
  }
}
