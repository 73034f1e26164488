import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import { nodeFileSystem, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { createProcessTable, type ProcessTable } from '../../base/processTable.ts';
import { acquireLock, type ConversationLock } from '../conversationLock.ts';
import { indexBroken } from '../errors.ts';
import { ReleasedClaims } from '../releasedClaims.ts';
import type { SearchHit, UsageReport } from './indexedConversation.ts';
import type { JournalName } from './indexDatabase.ts';
import { IndexThread, type ConversationRows } from './indexThread.ts';

/** Whoever asks while the index starts waits for it no longer than this, and not for a long build at all. */
const startLimitMs = 6_000;
/** Changes are saved together after this time. Losing them costs only that they are folded again. */
const saveDelayMs = 30_000;
/** Exporting less takes a few milliseconds; more is saved by another thread, while this one goes on answering. */
const maxSizeSavedInPlaceBytes = 4 * 1024 * 1024;
/** How long a thread that died is left alone, after the first, second and any further failure in a row. */
const retryDelaysMs = [0, 5_000, 60_000];

export interface ConversationIndexOptions {
  /** Absolute path. */
  readonly dataFolder: string;
  /** Absolute paths of the thread's entry and of sql.js's WebAssembly. */
  readonly workerFile: string;
  readonly wasmFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many of the journals that have to be read have been; the last call says that all have. */
  readonly onProgress: (done: number, total: number) => void;
  /** What is wrong, for the person; undefined when it is over. */
  readonly onTrouble: (message: string | undefined) => void;
  readonly fileSystem?: FileSystem;
  readonly processes?: ProcessTable;
}

/** An answer of the index. Not complete: it is still being built, and asking again later may give more. */
export interface IndexAnswer<T> {
  readonly result: T;
  readonly isComplete: boolean;
}

/**
 * The index of all conversations of a data folder: what can be listed, searched and summed up without opening journals.
 * Nothing is loaded before somebody asks for it, and callers that ask at the same time share one start. It holds
 * nothing that the journals do not have: where it is missing, old or damaged it is built anew from them. Several
 * processes have one each; the holder of `index.lock` saves its own.
 */
export class ConversationIndex {
  private readonly options: ConversationIndexOptions;
  private readonly system: Parameters<typeof acquireLock>[2];
  private thread: IndexThread | undefined;
  /** Takes the place of `thread` once it has saved. */
  private successor: IndexThread | undefined;
  private startedAt = 0;
  private failures = 0;
  private retryAt = 0;
  private lock: ConversationLock | undefined;
  private saving: Promise<void> | undefined;
  private saveTimer: Disposable | undefined;
  private progressTold = false;
  private disposed = false;

  constructor(options: ConversationIndexOptions) {
    this.options = options;
    const { fileSystem = nodeFileSystem, processes = createProcessTable(), clock, logger } = options;
    this.system = { fileSystem, processes, released: new ReleasedClaims({ fileSystem, clock, logger }) };
  }

  /** A journal was written to, or deleted. */
  noteChanged(name: JournalName): void {
    this.thread?.noteChanged(name);
    this.successor?.noteChanged(name);
  }

  /** What is known of a workspace's conversations, if the index is loaded and complete. */
  loadedRows(workspace: string): ConversationRows | undefined {
    return this.thread?.isReady === true ? this.thread.rowsOf(workspace) : undefined;
  }

  /** The same, loading the index if need be; undefined if it cannot be had soon. Never rejects. */
  async rows(workspace: string): Promise<ConversationRows | undefined> {
    const thread = await this.start();
    if (thread?.isReady !== true) return undefined;
    // What others wrote just now is in the next answer.
    void thread.freshen();
    return thread.rowsOf(workspace);
  }

  /** The latest `limit` hits. Rejects with `Unavailable` if the index cannot be loaded. */
  async search(
    query: string,
    limit: number,
    workspace: string | undefined,
  ): Promise<IndexAnswer<readonly SearchHit[]>> {
    return this.ask((thread) => thread.ask('search', { query, limit, workspace }), []);
  }

  /** Days as `2026-01-31`, both included. Rejects as `search` does. */
  async usage(fromDay: string, toDay: string, workspace: string | undefined): Promise<IndexAnswer<UsageReport>> {
    const nothing = { turns: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
    const none = { total: nothing, byDay: [], byModel: [], byPersona: [] };
    return this.ask((thread) => thread.ask('usage', { fromDay, toDay, workspace }), none);
  }

  /** Ends what was loaded. What was not saved is folded again the next time. */
  async dispose(): Promise<void> {
    this.disposed = true;
    this.saveTimer?.dispose();
    await Promise.all([this.thread?.dispose(), this.successor?.dispose()]);
    await this.saving;
    await this.lock?.release();
    await this.system.released.close();
  }

  private async ask<T>(question: (thread: IndexThread) => Promise<T>, none: T): Promise<IndexAnswer<T>> {
    for (let attempt = 1; ; attempt += 1) {
      const thread = await this.start();
      if (thread === undefined) throw indexBroken();
      // A large index that is being exported answers nobody for a moment: who asks then is told so at once.
      if (thread.isExporting && thread.sizeBytes > maxSizeSavedInPlaceBytes) return { result: none, isComplete: false };
      try {
        const result = await question(thread);
        return { result, isComplete: thread.isReady };
      } catch (error) {
        // Where the thread died of it, another one is built from the journals alone, and is asked once.
        if (attempt > 1 || this.thread === thread) throw indexBroken(error);
      }
    }
  }

  /** The thread, up to date where that did not take long; undefined while one that died is left alone. */
  private async start(): Promise<IndexThread | undefined> {
    const { clock } = this.options;
    if (this.disposed) return undefined;
    if (this.thread === undefined) {
      if (clock.now() < this.retryAt) return undefined;
      this.startedAt = clock.now();
      this.thread = this.createThread();
    }
    const { thread } = this;
    const waitMs = this.startedAt + startLimitMs - clock.now();
    if (thread.isReady || waitMs <= 0) return thread;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = clock.after(waitMs, () => resolve(undefined));
    await Promise.race([thread.ready, thread.buildsLong, thread.died, promise]);
    timer.dispose();
    return this.thread;
  }

  private createThread(): IndexThread {
    const { dataFolder, workerFile, wasmFile, clock, logger } = this.options;
    const thread: IndexThread = new IndexThread({
      workerFile,
      workerData: { dataFolder, wasmFile, ignoreSaved: this.failures > 0 },
      clock,
      logger,
      onProgress: (done, total) => {
        this.progressTold = true;
        this.options.onProgress(done, total);
      },
      onDirty: () => this.saveLater(),
      onDied: (error) => this.threadDied(thread, error),
    });
    void thread.ready.then(() => this.threadReady(thread));
    return thread;
  }

  private threadReady(thread: IndexThread): void {
    if (this.progressTold) this.options.onProgress(1, 1);
    this.progressTold = false;
    if (thread !== this.thread) return;
    this.failures = 0;
    this.options.onTrouble(undefined);
    // What had to be built first is saved at once: building it again would cost most.
    if (thread.isDirty) this.saveSoon(0);
  }

  private threadDied(thread: IndexThread, error: unknown): void {
    this.options.logger.error('The thread of the index died; the next one builds it from the journals', { error });
    if (thread !== this.thread) return;
    this.thread = undefined;
    this.failures += 1;
    const delayMs = retryDelaysMs[Math.min(this.failures, retryDelaysMs.length) - 1] ?? 0;
    this.retryAt = this.options.clock.now() + delayMs;
    if (this.failures > 1) this.options.onTrouble(indexBroken().message);
  }

  private saveLater(): void {
    if (this.thread?.isReady === true) this.saveSoon(saveDelayMs);
  }

  private saveSoon(delayMs: number): void {
    if (this.disposed || this.saving !== undefined) return;
    if (delayMs === 0) this.saveTimer?.dispose();
    else if (this.saveTimer !== undefined) return;
    this.saveTimer = this.options.clock.after(delayMs, () => {
      this.saveTimer = undefined;
      this.saving = this.save().finally(() => {
        this.saving = undefined;
        if (this.thread?.isDirty === true) this.saveLater();
      });
    });
  }

  /** Never rejects: an index that is not saved is one that is built again the next time. */
  private async save(): Promise<void> {
    const { dataFolder, logger } = this.options;
    try {
      this.lock ??= await acquireLock(dataFolder, 'index', this.system);
      const { thread } = this;
      if (this.lock === undefined || thread?.isDirty !== true) return;
      // A successor would have to build anew what was never saved.
      if (!thread.isSaved || thread.sizeBytes <= maxSizeSavedInPlaceBytes) await thread.save();
      else await this.saveBySuccessor(thread);
    } catch (error) {
      if (!this.disposed) logger.warn('The index was not saved; it is complete in memory', { error });
    }
  }

  /** A second thread reads what was saved last, catches up, saves, and answers from then on. */
  private async saveBySuccessor(thread: IndexThread): Promise<void> {
    const successor = (this.successor = this.createThread());
    try {
      await Promise.race([successor.ready, successor.died]);
      await successor.save();
    } catch (error) {
      this.successor = undefined;
      await successor.dispose();
      throw error;
    }
    if (this.disposed) return;
    const former = this.thread ?? thread;
    this.thread = successor;
    this.successor = undefined;
    await former.retire();
  }
}
