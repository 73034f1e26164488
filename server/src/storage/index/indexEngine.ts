import * as path from 'node:path';
import type { SqlJsStatic } from 'sql.js';
import { CodedError } from '../../../protocol/errors.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { journalSuffix } from '../journalFormat.ts';
import type { IndexedConversation, SearchHit, UsageReport } from './indexedConversation.ts';
import { IndexDatabase, type JournalName } from './indexDatabase.ts';
import { readIndexFile, saveIndexFile } from './indexFile.ts';
import { findJournal, findJournals, type FoundJournal, type FoundJournals } from './journalFolder.ts';
import { readIntoIndex } from './journalReading.ts';
import { Pace } from '../../base/pace.ts';

/** Changes are committed after so many journals at the latest: fewer commits make a rebuild faster. */
const journalsPerCommit = 32;

/** What a catching up has found. */
export interface IndexChanges {
  readonly upserted: readonly IndexedConversation[];
  readonly removed: readonly JournalName[];
}

export interface IndexEngineOptions {
  readonly dataFolder: string;
  readonly fileSystem: FileSystem;
  readonly sqlJs: SqlJsStatic;
  readonly logger: Logger;
}

/** Why an index begins as it does: from the saved file, or empty. */
export type IndexOrigin = 'saved' | 'missing' | 'damaged' | 'otherVersion';

/** The index and what keeps it up to date. Lives in a thread of its own, and may be asked while it catches up. */
export class IndexEngine {
  private readonly options: IndexEngineOptions;
  private readonly root: string;
  private database: IndexDatabase;
  private origin: IndexOrigin = 'missing';
  private readonly reading = new Map<string, Promise<void>>();
  private readonly stopping = new AbortController();
  private changed = false;

  private constructor(options: IndexEngineOptions) {
    this.options = options;
    this.root = path.join(options.dataFolder, 'conversations');
    this.database = IndexDatabase.create(options.sqlJs);
  }

  /** Takes the saved index if it can be used, else begins an empty one. Nothing is caught up yet. */
  static async open(options: IndexEngineOptions, { ignoreSaved = false } = {}): Promise<IndexEngine> {
    const engine = new IndexEngine(options);
    if (ignoreSaved) engine.origin = 'damaged';
    else await engine.load();
    return engine;
  }

  get startedFrom(): IndexOrigin {
    return this.origin;
  }

  /** Something was folded, or dropped, that the saved index does not have. */
  get isDirty(): boolean {
    return this.changed;
  }

  get sizeBytes(): number {
    return this.database.sizeBytes;
  }

  conversations(): IndexedConversation[] {
    return this.database.conversations();
  }

  search(query: string, limit: number, workspace: string | undefined): SearchHit[] {
    return this.database.search(query, limit, workspace);
  }

  usage(filter: { fromDay: string; toDay: string; workspace: string | undefined }): UsageReport {
    return this.database.usage(filter);
  }

  /**
   * Folds every journal that is new or has changed, the one changed longest ago first, and forgets those that are gone.
   * `onProgress` is called after each. A journal that cannot be read is logged and left out.
   */
  async catchUp(onProgress: (done: number, total: number) => void): Promise<IndexChanges> {
    const known = new Map(this.database.marks().map((mark) => [keyOf(mark), mark]));
    const found = await findJournals(this.root, this.options);
    const pace = new Pace(this.stopping.signal);
    const stale = found.journals
      .filter((journal) => {
        const mark = known.get(keyOf(journal));
        return mark?.sizeBytes !== journal.sizeBytes || mark.modifiedAt !== journal.modifiedAt;
      })
      .sort((a, b) => a.modifiedAt - b.modifiedAt);
    const removed = await this.removeAllBut(found, known.values(), pace);
    for (const [index, journal] of stale.entries()) {
      await this.readOne(journal, pace);
      if (index % journalsPerCommit === journalsPerCommit - 1) this.database.commit();
      onProgress(index + 1, stale.length);
      await pace.rest();
    }
    this.database.commit();
    return { upserted: this.lookUp(stale), removed };
  }

  /** Folds what is new in these journals, of which somebody said that they have changed. */
  async catchUpWith(names: readonly JournalName[]): Promise<IndexChanges> {
    const pace = new Pace(this.stopping.signal);
    const removed: JournalName[] = [];
    for (const name of names) {
      const place = { root: this.root, workspace: name.workspace, fileName: `${name.conversationId}${journalSuffix}` };
      const journal = await findJournal(place, this.options);
      if (journal === 'unseen') continue;
      if (journal !== 'missing') await this.readOne(journal, pace);
      else if (this.database.journal(name) !== undefined) {
        this.drop(name);
        removed.push(name);
      }
    }
    this.database.commit();
    return { upserted: this.lookUp(names), removed };
  }

  /**
   * Saves the index as it is now. Only the holder of `index.lock` may call it. `onExported` is called when the part is
   * over during which nothing can be asked. Rejects with what the file system said; the next call tries again.
   */
  async save(onExported: () => void): Promise<void> {
    this.changed = false;
    try {
      const { dataFolder, fileSystem } = this.options;
      const image = this.database.export();
      onExported();
      await saveIndexFile(dataFolder, image, { fileSystem, keepFormer: this.origin === 'damaged' });
      this.origin = 'saved';
    } catch (error) {
      this.changed = true;
      throw error;
    }
  }

  /** Ends a catching up that is under way: it rejects, with every file closed. */
  stop(): void {
    this.stopping.abort();
  }

  close(): void {
    this.database.close();
  }

  private async load(): Promise<void> {
    const { dataFolder, fileSystem, sqlJs, logger } = this.options;
    const content = await readIndexFile(dataFolder, fileSystem);
    let reason = content.kind === 'damaged' ? content.reason : '';
    this.origin = content.kind === 'image' ? 'saved' : content.kind;
    if (content.kind === 'image') {
      try {
        const saved = IndexDatabase.open(sqlJs, content.image);
        if (saved === undefined) this.origin = 'otherVersion';
        else this.replaceDatabase(saved);
      } catch (error) {
        this.origin = 'damaged';
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    if (this.origin === 'damaged') logger.warn('The index cannot be used and is built anew', { reason });
    else if (this.origin !== 'saved') logger.info('The index is built from the journals', { because: this.origin });
  }

  private replaceDatabase(database: IndexDatabase): void {
    this.database.close();
    this.database = database;
  }

  /** One reading of a journal at a time; what was appended meanwhile is seen by the next. */
  private async readOne(journal: FoundJournal, pace: Pace): Promise<void> {
    const key = keyOf(journal);
    const before = this.reading.get(key);
    const now = (before ?? Promise.resolve()).then(() => this.readSafely(journal, pace));
    this.reading.set(key, now);
    try {
      await now;
    } finally {
      if (this.reading.get(key) === now) this.reading.delete(key);
    }
  }

  /** Rejects only if the index itself can no longer be used. */
  private async readSafely(journal: FoundJournal, pace: Pace): Promise<void> {
    const { fileSystem, logger } = this.options;
    const { fileName, sizeBytes, modifiedAt } = journal;
    this.changed = true;
    try {
      await readIntoIndex(journal, { database: this.database, fileSystem, pace });
    } catch (error) {
      if (isDatabaseError(error)) throw error;
      logger.info('A journal cannot be read and is not in the index', { fileName, error });
      // What the disk refused now it may give the next time, and what was folded before is true until then; what is no
      // journal stays none until it changes.
      const isRefused = !(error instanceof CodedError);
      if (isRefused && this.database.journal(journal) !== undefined) return;
      const seenBytes = isRefused ? -1 : sizeBytes;
      this.database.putUnreadable(journal, { sizeBytes: seenBytes, modifiedAt, foldedBytes: 0, tailChecksum: 0 });
    }
  }

  private async removeAllBut(found: FoundJournals, known: Iterable<JournalName>, pace: Pace): Promise<JournalName[]> {
    const present = new Set(found.journals.map(keyOf));
    const removed: JournalName[] = [];
    for (const { workspace, conversationId } of known) {
      if (present.has(keyOf({ workspace, conversationId })) || found.mayBeThere({ workspace, conversationId }))
        continue;
      this.drop({ workspace, conversationId });
      removed.push({ workspace, conversationId });
      await pace.rest();
    }
    return removed;
  }

  private drop(name: JournalName): void {
    this.changed = true;
    this.database.remove(name);
  }

  private lookUp(names: readonly JournalName[]): IndexedConversation[] {
    return names.flatMap((name) => this.database.conversation(name) ?? []);
  }
}

function keyOf({ workspace, conversationId }: JournalName): string {
  return `${workspace}/${conversationId}`;
}

/** Errors of files have a code, and those of journals are `CodedError`s; sql.js throws plain ones. */
function isDatabaseError(error: unknown): boolean {
  return !(error instanceof CodedError) && errorCode(error) === undefined;
}
