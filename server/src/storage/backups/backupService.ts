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
import { sha256Of, type BackupManifest, type SavedFile } from './backupManifest.ts';
import { verifyBackup, writeBackupTo } from './backupReading.ts';
import { BackupStore, summaryOf, type BackupSystem, type Progress } from './backupStore.ts';
import { listSources, readSource, UnreadableSource, type SourceFile } from './backupSources.ts';
import { FolderSwap, SwapUnfinished } from './folderSwap.ts';
import { RunningServers } from './runningServers.ts';
import type { StorageGate } from './storageGate.ts';

/** Another process that finishes a restore is waited for, looking this often. */
const retryMs = 1_000;
const maxListed = 1_000;
const maxProblems = 100;

export interface BackupServiceOptions extends BackupSystem {
  readonly processes: ProcessTable;
  /** Everything that uses conversations passes through it. */
  readonly gate: StorageGate;
  /** Gives every open conversation free. Rejects with `Conflict` where a turn runs in one. */
  readonly closeConversations: () => Promise<void>;
  /** What is wrong, for the person; undefined when it is over. */
  readonly onTrouble: (message: string | undefined) => void;
}

interface Asked {
  readonly onProgress?: Progress | undefined;
  readonly signal: AbortSignal;
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
      const made = await this.store.create({ reason, signal: either, onProgress });
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
        const problems = await verifyBackup(backup, this.store, {
          signal: either,
          onProgress: (done, total) => onProgress?.(index * total + done, backups.length * total),
        });
        results.push({ id: backup.id, isGood: problems.length === 0, problems: problems.slice(0, maxProblems) });
      }
      return { backups: results };
    });
  }

  /** What restoring would change. */
  compare(id: string, signal: AbortSignal): Promise<ResultOf<'backup/restore'>> {
    return this.working(signal, async (either) => {
      const manifest = await this.manifestOf(id);
      return { id: manifest.id, undoId: null, ...(await this.differences(manifest, either)) };
    });
  }

  /**
   * Puts everything back as it was. Rejects with `Conflict` while another process uses the data folder or a turn runs
   * here; the state is then the one before.
   */
  async restore(id: string, { onProgress, signal }: Asked): Promise<ResultOf<'backup/restore'>> {
    // Until then the mark of this very process would pass for that of another one.
    await this.started(signal);
    return this.locked(signal, async (either) => {
      const manifest = await this.manifestOf(id);
      await this.refuseOthers();
      const differences = await this.differences(manifest, either);
      await this.swap.prepare();
      const around = { store: this.store, fileSystem: this.options.fileSystem, signal: either };
      await writeBackupTo(this.swap.newFolder, manifest, { ...around, onProgress });
      const undo = await this.options.gate.closedWhile(async () => {
        await this.options.closeConversations();
        const wanted = new Set([manifest.id]);
        const before = await this.store.create({ reason: 'restore', wanted, signal: either });
        refuseIfUnreadable(before);
        await this.commit(manifest.id);
        return before;
      });
      this.options.logger.info('A backup was restored', { id: manifest.id, undoId: undo.id });
      return { id: manifest.id, undoId: undo.id, ...differences };
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
    const id = await this.swap.finish();
    if (id !== undefined) this.options.logger.warn('The restore of a backup was cut off; it is finished now', { id });
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

  private async manifestOf(id: string): Promise<BackupManifest> {
    const found = await this.store.find(id);
    if (found.manifest !== undefined && found.isWhole) return found.manifest;
    throw new CodedError(
      'Unavailable',
      `Backup ${found.id} is damaged and cannot be restored. "backup list" shows the good ones.`,
      { args: { id: found.id } },
    );
  }

  private async commit(id: string): Promise<void> {
    try {
      await this.swap.commit(id, () => this.refuseOthers());
    } catch (error) {
      if (!(error instanceof SwapUnfinished)) throw storageFailed(`restore backup ${id}`, error);
      this.noteUnfinished(error.cause);
      await this.untilFinished(() => this.finish());
    }
  }

  private async refuseOthers(): Promise<void> {
    const pids = await this.servers.others();
    if (pids.length === 0) return;
    throw new CodedError(
      'Conflict',
      `Process ${pids.join(', ')} uses this data folder, so nothing was restored. Close that window or program and try again.`,
      { args: { pid: pids.join(', ') } },
    );
  }

  private async differences(manifest: BackupManifest, signal: AbortSignal): Promise<Differences> {
    const { dataFolder, fileSystem } = this.options;
    const { files } = await listSources(dataFolder, fileSystem);
    const saved = new Map<string, SavedFile>(manifest.files.map((file) => [file.path, file]));
    const result: Differences = { added: [], changed: [], removed: [] };
    for (const source of files) {
      signal.throwIfAborted();
      const other = saved.get(source.path);
      saved.delete(source.path);
      if (other === undefined) result.removed.push(source.path);
      else if (!(await this.isSame(source, other))) result.changed.push(source.path);
    }
    result.added.push(...saved.keys());
    const { added, changed, removed } = result;
    return {
      added: added.slice(0, maxListed),
      changed: changed.slice(0, maxListed),
      removed: removed.slice(0, maxListed),
    };
  }

  private async isSame(source: SourceFile, saved: SavedFile): Promise<boolean> {
    const { dataFolder, fileSystem } = this.options;
    try {
      const now = await readSource(dataFolder, source, fileSystem, (part) => Promise.resolve(sha256Of(part)));
      return now?.sha256 === saved.sha256;
    } catch (error) {
      if (error instanceof UnreadableSource) return false;
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

interface Differences {
  readonly added: string[];
  readonly changed: string[];
  readonly removed: string[];
}

function refuseIfUnreadable({ unreadable }: BackupManifest): void {
  const [first] = unreadable;
  if (first === undefined) return;
  throw new CodedError(
    'Conflict',
    `Nothing was restored: ${first.path} cannot be read (${first.code}), so the present state could not be saved first. Mend that file, or move it out of the data folder.`,
    { args: { path: first.path, code: first.code } },
  );
}

function cancelled(reason: unknown): CodedError {
  return reason instanceof CodedError ? reason : new CodedError('Cancelled', 'The work on the backups was stopped.');
}
