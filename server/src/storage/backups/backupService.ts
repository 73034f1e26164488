import * as path from 'node:path';
import type { ResultOf } from '../../../protocol/contract.ts';
import type { BackupReason } from '../../../protocol/backup.ts';
import { CodedError } from '../../../protocol/errors.ts';
import { errorCode } from '../../base/fileSystem.ts';
import { ensureFolder } from '../../base/folders.ts';
import type { ProcessTable } from '../../base/processTable.ts';
import { acquireLock } from '../conversationLock.ts';
import { storageFailed } from '../errors.ts';
import { ReleasedClaims } from '../releasedClaims.ts';
import type { BackupAudit } from '../ports.ts';
import { notesOf, replacedRoots, type BackupManifest } from './backupManifest.ts';
import { findDamaged, verifyBackup, writeFilesTo, type DamagedFile, type ReadingFrom } from './backupReading.ts';
import { BackupStore, summaryOf, type BackupSystem, type Progress } from './backupStore.ts';
import { FolderSwap, SwapUnfinished, type SwapChange } from './folderSwap.ts';
import { refuseDamaged, refuseIfUnreadable, refuseOthers } from './restoreRefusals.ts';
import { differencesOf, isInside, namesToReplace, planRestore, type RestorePlan } from './restorePlan.ts';
import { RunningServers } from './runningServers.ts';
import type { StorageGate } from './storageGate.ts';

/** Another process that finishes a restore is waited for, looking this often. */
const retryMs = 1_000;
const maxProblems = 100;

export interface BackupServiceOptions extends BackupSystem {
  readonly processes: ProcessTable;
  /** Everything that uses conversations passes through it. */
  readonly gate: StorageGate;
  /** Gives every open conversation free. Rejects with `Conflict` where a turn runs in one. */
  readonly closeConversations: () => Promise<void>;
  /** Throws `Conflict` where `closeConversations` would reject with it. */
  readonly refuseWhileBusy: () => void;
  readonly audit: BackupAudit;
  /** What is wrong, for the person; undefined when it is over. */
  readonly onTrouble: (message: string | undefined) => void;
}

interface Asked {
  readonly onProgress?: Progress | undefined;
  readonly signal: AbortSignal;
}

/** What of a backup is to be restored. */
export interface Wanted {
  readonly id: string;
  /** Only this conversation. */
  readonly sessionId?: string | undefined;
  /** Files that are damaged in the backup stay as they are now, rather than nothing being restored. */
  readonly skipDamaged?: boolean;
}

/**
 * Makes, checks and restores backups. Of all processes on a data folder one at a time does so: the holder of
 * `backups/backup.lock-…`.
 */
export class BackupService {
  private readonly options: BackupServiceOptions;
  private readonly store: BackupStore;
  private readonly swap: FolderSwap;
  private readonly servers: RunningServers;
  private readonly folder: string;
  private readonly released: ReleasedClaims;
  private readonly ending = new AbortController();
  private readonly works = new Set<Promise<unknown>>();
  private starting: Promise<void> | undefined;
  private lastLocked: Promise<unknown> = Promise.resolve();

  constructor(options: BackupServiceOptions) {
    this.options = options;
    this.store = new BackupStore(options);
    this.swap = new FolderSwap(options);
    this.servers = new RunningServers(options);
    this.released = new ReleasedClaims(options);
    this.folder = path.join(options.dataFolder, 'backups');
  }

  /** Leaves the mark of this process, and finishes a restore that was cut off before anybody reads a conversation. */
  start(): void {
    this.starting ??= this.options.gate.closedWhile(() => this.enter());
    this.starting.catch((error: unknown) => {
      if (!this.ending.signal.aborted) this.options.logger.error('Backups did not start', { error });
    });
  }

  /** Says which folders are open here, for whoever is told that this process is in the way. */
  noteFolders(folders: readonly string[]): void {
    this.servers.noteFolders(folders).catch((error: unknown) => {
      this.options.logger.info('The mark of this server could not be written', { error });
    });
  }

  /** Resolves once nothing is left of a restore that was cut off. Rejects with the signal's reason. */
  async started(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([this.starting, promise]).finally(() => signal.removeEventListener('abort', onAbort));
  }

  /** Answers the newest backup where nothing has changed since. Rejects with `Conflict` while another process is at it. */
  create(reason: BackupReason, { onProgress, signal }: Asked): Promise<BackupManifest> {
    return this.locked(signal, async (either) => {
      const onMade = ({ id, files, unreadable }: BackupManifest): void =>
        this.options.audit.tell({
          kind: 'backup.created',
          details: { id, reason, files: files.length, unreadable: unreadable.length },
        });
      const made = await this.store.create({ reason, signal: either, onProgress, onMade });
      // Whoever asked for it: what was wrong with backups before is mended.
      this.options.onTrouble(undefined);
      return made;
    });
  }

  async list(): Promise<ResultOf<'backup/list'>> {
    try {
      const stored = await this.store.stored();
      return { backups: stored.map(summaryOf), usedBytes: this.store.usedBytes(stored) };
    } catch (error) {
      throw storageFailed('list the backups', error);
    }
  }

  /** Reads one backup back, or all. */
  verify(id: string | undefined, { onProgress, signal }: Asked): Promise<ResultOf<'backup/verify'>> {
    return this.locked(signal, async (either) => {
      const backups = id === undefined ? await this.store.stored() : [await this.store.find(id)];
      const results: ResultOf<'backup/verify'>['backups'] = [];
      for (const [index, backup] of backups.entries()) {
        const problems = await verifyBackup(backup, {
          store: this.store,
          signal: either,
          onProgress: (done, total) => onProgress?.(index * total + done, backups.length * total),
        });
        const notes = backup.manifest === undefined ? [] : notesOf(backup.manifest);
        results.push({ id: backup.id, isGood: problems.length === 0, problems: problems.slice(0, maxProblems), notes });
      }
      return { backups: results };
    });
  }

  /** What restoring would change, and what stands in its way now. Rejects as `restore` does for a damaged backup. */
  async compare(wanted: Wanted, { onProgress, signal }: Asked): Promise<ResultOf<'backup/restore'>> {
    await this.started(signal);
    return this.locked(signal, async (either) => {
      const plan = await this.planOf(wanted);
      const damaged = await findDamaged(plan.files, this.from(either, onProgress));
      refuseDamaged(plan, damaged, wanted);
      const differences = await differencesOf(plan, damaged, { ...this.options, signal: either });
      return { id: plan.backupId, undoId: null, hindrance: await this.hindrance(), ...differences };
    });
  }

  /**
   * Puts everything, or one conversation, back as it was. Rejects with `Conflict` while another process uses the data
   * folder or a turn runs here; the state is then the one before.
   */
  async restore(wanted: Wanted, { onProgress, signal }: Asked): Promise<ResultOf<'backup/restore'>> {
    // Until then the mark of this very process would pass for that of another one.
    await this.started(signal);
    return this.locked(signal, async (either) => {
      const plan = await this.planOf(wanted);
      await this.refuseOthers();
      await this.swap.prepare();
      const damaged = await this.write(plan.files, this.from(either, onProgress));
      refuseDamaged(plan, damaged, wanted);
      const differences = await differencesOf(plan, damaged, { ...this.options, signal: either });
      const names = namesToReplace(plan, damaged);
      const undoId = await this.options.gate.closedWhile(async () => {
        await this.options.closeConversations();
        const kept = new Set([plan.backupId]);
        const before = await this.store.create({ reason: 'restore', wanted: kept, signal: either });
        refuseIfUnreadable(before, names);
        await this.keepAsTheyAre(damaged, before, either);
        const change = { backupId: plan.backupId, undoId: before.id, names };
        await this.options.audit.record(restoredEvent('begun', change));
        await this.commit(change);
        return before.id;
      });
      this.options.audit.tell(restoredEvent('done', { backupId: plan.backupId, undoId }));
      this.options.logger.info('A backup was restored', { id: plan.backupId, undoId });
      return { id: plan.backupId, undoId, hindrance: null, ...differences };
    });
  }

  /** Ends what is under way, so that nobody waits for it. */
  async stop(): Promise<void> {
    this.ending.abort(new CodedError('Unavailable', 'The server is stopping. Try again once it is back.'));
    await Promise.allSettled([...this.works, this.starting]);
  }

  /** Takes the mark away: this process uses the data folder no longer. */
  async dispose(): Promise<void> {
    await this.stop();
    await this.released.close();
    try {
      await this.servers.leave();
    } catch (error) {
      this.options.logger.warn('The mark of this server could not be removed', { error });
    }
  }

  private async enter(): Promise<void> {
    try {
      await this.servers.enter();
    } catch (error) {
      // On a disk that cannot be written nothing can be replaced either.
      this.options.logger.info('This server could not leave its mark in the data folder', { error });
    }
    await this.untilFinished(async () => {
      if (await this.swap.isUnderWay()) await this.locked(this.ending.signal, () => this.finish());
    });
  }

  private async finish(): Promise<void> {
    const finished = await this.swap.finish();
    if (finished === undefined) return;
    this.options.audit.tell(restoredEvent('done', finished));
    this.options.logger.warn('The restore of a backup was cut off; it is finished now', { id: finished.backupId });
  }

  /** Tries until it succeeds or the server stops: half a data folder is nothing that anybody may work with. */
  private async untilFinished(finish: () => Promise<void>): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        await finish();
        if (!isFirst) this.options.onTrouble(undefined);
        return;
      } catch (error) {
        this.ending.signal.throwIfAborted();
        this.noteUnfinished(error);
        await this.pause();
      }
    }
  }

  private noteUnfinished(error: unknown): void {
    // Another process is about to finish it.
    if (error instanceof CodedError && error.reason === 'Conflict') return;
    const cause = error instanceof CodedError ? error.cause : error;
    const code = errorCode(cause) ?? 'unknown error';
    this.options.logger.error('The restore of a backup was cut off and cannot be finished yet', { error });
    this.options.onTrouble(
      `The restore of a backup was cut off and cannot be finished (${code}), so no conversation can be opened. Make the data folder writable; it then goes on by itself.`,
    );
  }

  private async pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const onAbort = (): void => resolve(undefined);
    this.ending.signal.addEventListener('abort', onAbort, { once: true });
    const timer = this.options.clock.after(retryMs, onAbort);
    await promise;
    timer.dispose();
    this.ending.signal.removeEventListener('abort', onAbort);
  }

  private async planOf({ id, sessionId }: Wanted): Promise<RestorePlan> {
    const found = await this.store.find(id);
    if (found.manifest !== undefined) return planRestore(found.manifest, sessionId, this.options);
    throw new CodedError(
      'Unavailable',
      `Backup ${found.id} is damaged and cannot be restored: what belongs to it cannot be read. "backup list" shows the good ones.`,
      { args: { id: found.id } },
    );
  }

  private from(signal: AbortSignal, onProgress?: Progress): ReadingFrom {
    return { store: this.store, signal, onProgress };
  }

  private write(files: RestorePlan['files'], from: ReadingFrom): Promise<DamagedFile[]> {
    return writeFilesTo(this.swap.newFolder, files, { ...from, fileSystem: this.options.fileSystem });
  }

  /** What the new state lacks because it is damaged is taken from how it is now. */
  private async keepAsTheyAre(
    damaged: readonly DamagedFile[],
    before: BackupManifest,
    signal: AbortSignal,
  ): Promise<void> {
    const lacking = new Set(damaged.map(({ path: file }) => file).filter((file) => isInside(file, replacedRoots)));
    const present = before.files.filter((file) => lacking.has(file.path));
    const [first] = await this.write(present, this.from(signal));
    if (first !== undefined) throw new Error(`The backup that was just made is damaged: ${first.path}, ${first.why}`);
  }

  private async commit(change: SwapChange): Promise<void> {
    try {
      await this.swap.commit(change, () => this.refuseOthers());
    } catch (error) {
      if (!(error instanceof SwapUnfinished)) throw storageFailed(`restore backup ${change.backupId}`, error);
      this.noteUnfinished(error.cause);
      await this.untilFinished(() => this.finish());
    }
  }

  private async refuseOthers(): Promise<void> {
    refuseOthers(await this.servers.others());
  }

  private async hindrance(): Promise<string | null> {
    try {
      this.options.refuseWhileBusy();
      await this.refuseOthers();
      return null;
    } catch (error) {
      if (error instanceof CodedError) return error.message;
      throw error;
    }
  }

  /** Work of this process is done one after the other; what another process is at refuses it. */
  private locked<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const former = this.lastLocked;
    const running = this.working(signal, async (either) => {
      await former;
      either.throwIfAborted();
      const { fileSystem, processes } = this.options;
      await ensureFolder(this.folder, fileSystem);
      const lock = await acquireLock(this.folder, 'backup', { fileSystem, processes, released: this.released });
      if (lock === undefined) {
        throw new CodedError(
          'Conflict',
          'Another program is working on the backups of this data folder. Wait until it is done, then try again.',
        );
      }
      try {
        return await work(either);
      } finally {
        await lock.release();
      }
    });
    this.lastLocked = running.catch(() => undefined);
    return running;
  }

  /** Work that ends with the service, and whose failures are told in words. */
  private async working<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const either = AbortSignal.any([signal, this.ending.signal]);
    const running = work(either);
    this.works.add(running);
    try {
      return await running;
    } catch (error) {
      if (either.aborted && error === either.reason) throw cancelled(error);
      throw storageFailed('work on the backups', error);
    } finally {
      this.works.delete(running);
    }
  }
}

function restoredEvent(
  outcome: 'begun' | 'done',
  { backupId, undoId, names }: Omit<SwapChange, 'names'> & { readonly names?: readonly string[] },
) {
  // The names of single files can be many; that it was not everything is what matters.
  const what = names === undefined ? {} : { replaced: names.slice(0, maxProblems) };
  return { kind: 'backup.restored', outcome, details: { id: backupId, undoId, ...what } } as const;
}

function cancelled(reason: unknown): CodedError {
  return reason instanceof CodedError ? reason : new CodedError('Cancelled', 'The work on the backups was stopped.');
}
