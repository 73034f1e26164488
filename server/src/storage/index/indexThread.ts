import { Worker } from 'node:worker_threads';
import type { ConversationId } from '../../../protocol/sessionEvents.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/logger.ts';
import type { IndexedConversation } from './indexedConversation.ts';
import type { JournalName } from './indexDatabase.ts';
import type { IndexMessage, IndexRequests, IndexWorkerData } from './indexMessages.ts';

/** Journals that are written to are folded together after this time, unless somebody asks before. */
const foldDelayMs = 500;
const stopLimitMs = 1_000;
const requestLimitMs = 8_000;
/** Saving hundreds of megabytes to a slow disk takes its time. */
const saveLimitMs = 5 * 60_000;
/** Journals named one by one; if more have changed, all are looked at. */
const maxChanged = 256;
/** Longer than this since all journals were looked at, and what other processes wrote is looked for before an answer. */
const staleAfterMs = 2_000;
/** How long an answer waits for that. */
const freshenLimitMs = 25;
const longBuildMs = 1_000;
const heapLimitMb = 512;

export type ConversationRows = ReadonlyMap<ConversationId, IndexedConversation>;

interface IndexThreadOptions {
  readonly workerFile: string;
  readonly workerData: IndexWorkerData;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onProgress: (done: number, total: number) => void;
  /** Something may have to be saved. */
  readonly onDirty: () => void;
  /** Called once, when the thread ended although nobody wanted it to. */
  readonly onDied: (error: unknown) => void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread with an index in it, and what it said of each conversation. The owner disposes it. */
export class IndexThread {
  /** Resolves when the thread is up to date for the first time; never, if it dies before. */
  readonly ready: Promise<void>;
  /** Resolves when building it has taken a second and is not over. */
  readonly buildsLong: Promise<void>;
  /** Resolves with the reason when the thread has ended, whoever wanted that. */
  readonly died: Promise<unknown>;
  isReady = false;
  /** What is on the disk is this index, but for what has come since. */
  isSaved = false;
  isExporting = false;
  isDirty = false;
  sizeBytes = 0;
  private readonly options: IndexThreadOptions;
  private readonly worker: Worker;
  private readonly rows = new Map<string, Map<ConversationId, IndexedConversation>>();
  private readonly pending = new Map<number, Pending>();
  private readonly asked = new Set<Promise<unknown>>();
  private readonly becomeReady: () => void;
  private readonly tellLong: () => void;
  private readonly tellEnd: (reason: unknown) => void;
  private nextId = 1;
  private changed = new Map<string, JournalName>();
  private folding: Disposable | undefined;
  private lookedAt: number;
  private ended: Error | undefined;

  constructor(options: IndexThreadOptions) {
    this.options = options;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ready = promise;
    this.becomeReady = () => resolve(undefined);
    const long = Promise.withResolvers<undefined>();
    this.buildsLong = long.promise;
    this.tellLong = () => long.resolve(undefined);
    const death = Promise.withResolvers<unknown>();
    this.died = death.promise;
    this.tellEnd = death.resolve;
    this.lookedAt = options.clock.now();
    this.worker = new Worker(options.workerFile, {
      workerData: options.workerData,
      // Standard output belongs to the protocol in some modes, so nothing that a library prints may reach it.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: heapLimitMb },
    });
    this.worker.unref();
    this.worker.on('message', (message: IndexMessage) => this.receive(message));
    this.worker.on('error', (error) => this.die(error instanceof Error ? error : new Error(String(error))));
    this.worker.on('exit', (code) => this.die(new Error(`The thread of the index ended with exit code ${code}`)));
  }

  rowsOf(workspace: string): ConversationRows {
    return this.rows.get(workspace) ?? new Map();
  }

  /** A journal was written to, or deleted. Its news are in every answer that is asked for from now on. */
  noteChanged(name: JournalName): void {
    this.changed.set(`${name.workspace}/${name.conversationId}`, name);
    this.folding ??= this.options.clock.after(foldDelayMs, () => {
      this.foldChanged().catch((error: unknown) => {
        this.options.logger.warn('Journals that have changed were not folded into the index', { error });
      });
    });
  }

  /**
   * Asks, after what has changed here was folded, and what other processes wrote where that is quickly done. Rejects
   * if the thread fails, dies, or does not answer in time.
   */
  async ask<M extends 'search' | 'usage'>(
    method: M,
    params: IndexRequests[M]['params'],
  ): Promise<IndexRequests[M]['result']> {
    await Promise.all([this.foldChanged(), this.freshen()]);
    return this.request(method, params, requestLimitMs);
  }

  /** Looks for what other processes wrote, unless that was done a moment ago. Resolves after 25 ms at the latest. */
  async freshen(): Promise<void> {
    const { clock, logger } = this.options;
    if (!this.isReady || clock.now() - this.lookedAt < staleAfterMs) return;
    this.lookedAt = clock.now();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = clock.after(freshenLimitMs, () => resolve(undefined));
    const looking = this.request('catchUp', {}, saveLimitMs).catch((error: unknown) => {
      logger.warn('The index was not brought up to date', { error });
    });
    await Promise.race([looking, promise]);
    timer.dispose();
  }

  async save(): Promise<void> {
    await this.request('save', {}, saveLimitMs);
    this.isSaved = true;
  }

  /** Ends the thread; whoever waits for an answer gets an error. */
  async dispose(): Promise<void> {
    this.folding?.dispose();
    if (this.ended === undefined) {
      await this.request('stop', {}, stopLimitMs).catch((error: unknown) => {
        this.options.logger.info('The index is ended in the middle of its work', { error });
      });
    }
    this.end(new Error('The index was closed'));
    this.worker.removeAllListeners();
    await this.worker.terminate();
  }

  /** Ends the thread once nobody waits for an answer of it. */
  async retire(): Promise<void> {
    await Promise.allSettled(this.asked);
    await this.dispose();
  }

  private async foldChanged(): Promise<void> {
    this.folding?.dispose();
    this.folding = undefined;
    if (this.changed.size === 0) return;
    const changed = [...this.changed.values()];
    this.changed = new Map();
    await this.request('catchUp', changed.length > maxChanged ? {} : { changed }, requestLimitMs);
  }

  private async request<M extends keyof IndexRequests>(
    method: M,
    params: IndexRequests[M]['params'],
    limitMs: number,
  ): Promise<IndexRequests[M]['result']> {
    if (this.ended !== undefined) throw this.ended;
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = this.options.clock.after(limitMs, () => {
      reject(new Error(`The index did not answer "${method}" within ${limitMs / 1000} s`));
    });
    this.pending.set(id, { resolve, reject });
    this.asked.add(promise);
    this.worker.postMessage({ id, method, params });
    try {
      return (await promise) as IndexRequests[M]['result'];
    } finally {
      timer.dispose();
      this.asked.delete(promise);
      this.pending.delete(id);
    }
  }

  private receive(message: IndexMessage): void {
    const { options } = this;
    switch (message.kind) {
      case 'answer':
        this.pending.get(message.id)?.resolve(message.result);
        break;
      case 'failure':
        this.pending.get(message.id)?.reject(message.error);
        break;
      case 'rows':
        this.takeRows(message);
        break;
      case 'progress':
        if (message.sinceMs > longBuildMs) this.tellLong();
        options.onProgress(message.done, message.total);
        break;
      case 'ready':
        this.isReady = true;
        this.isSaved = message.isSaved;
        this.becomeReady();
        break;
      case 'state':
        this.sizeBytes = message.sizeBytes;
        this.isDirty = message.isDirty;
        if (message.isDirty) options.onDirty();
        break;
      case 'exporting':
        this.isExporting = message.isExporting;
        break;
      case 'log':
        options.logger[message.level](message.message, message.fields);
        break;
    }
  }

  private takeRows({ upserted, removed }: Extract<IndexMessage, { kind: 'rows' }>): void {
    for (const row of upserted) {
      let rows = this.rows.get(row.workspace);
      if (rows === undefined) this.rows.set(row.workspace, (rows = new Map<ConversationId, IndexedConversation>()));
      rows.set(row.conversationId, row);
    }
    for (const { workspace, conversationId } of removed) {
      this.rows.get(workspace)?.delete(conversationId as ConversationId);
    }
  }

  private die(error: Error): void {
    if (this.ended !== undefined) return;
    this.folding?.dispose();
    this.end(error);
    this.options.onDied(error);
  }

  private end(error: Error): void {
    this.ended ??= error;
    this.tellEnd(error);
    for (const { reject } of this.pending.values()) reject(error);
  }
}
