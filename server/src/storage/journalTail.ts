import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { FileSystem, OpenFile } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { JournalFold } from './journalFormat.ts';
import type { JournalExtent } from './journalSlices.ts';
import { maxKeptChars, RecentEvents } from './recentEvents.ts';
import { scanRecords } from './recordCodec.ts';

/** Not every file system tells of changes, so the file is looked at this often in any case. */
const pollMs = 1_000;
const slowestPollMs = 30_000;

interface TailOptions {
  readonly path: string;
  readonly fileName: string;
  readonly file: OpenFile;
  /** What the file system answered as its identity. */
  readonly identity: string;
  /** What was read when the journal was opened; goes on growing. */
  readonly fold: JournalFold;
  readonly goodEnd: number;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onEvents: (events: readonly SessionEvent[]) => void;
}

/** Follows a journal that another process writes, and reports each whole record once. */
export class JournalTail {
  private readonly options: TailOptions;
  private fold: JournalFold;
  private position: number;
  private file: OpenFile;
  private identity: string;
  /** Of the file that `fold` was read from; behind `identity` while the next file is read. */
  private foldedIdentity: string;
  private reported: number;
  private watcher: Disposable;
  private timer: Disposable | undefined;
  private failures = 0;
  private reading: Promise<void> | undefined;
  private readAgain = false;
  private closed = false;

  constructor(options: TailOptions) {
    this.options = options;
    this.fold = options.fold;
    this.position = options.goodEnd;
    this.file = options.file;
    this.identity = options.identity;
    this.foldedIdentity = options.identity;
    this.reported = options.fold.lastSequence;
    this.watcher = this.watch();
    this.schedule();
  }

  get compactedThrough(): number {
    return this.fold.compactedThrough;
  }

  get droppedThrough(): number {
    return this.fold.recent.droppedThrough;
  }

  events(): readonly SessionEvent[] {
    return this.fold.events;
  }

  get recent(): RecentEvents {
    return this.fold.recent;
  }

  /** What stands in the file, as far as it has been read. */
  get extent(): JournalExtent {
    return { marks: this.fold.marks, identity: this.foldedIdentity, endBytes: this.position };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.dispose();
    await this.reading;
    // Only now: a reading may have gone on to another file, and watch that.
    this.watcher.dispose();
    await this.file.close();
  }

  private watch(): Disposable {
    const { fileSystem, path, fileName, logger } = this.options;
    const onFailed = (error: unknown): void =>
      logger.info('A journal is polled because it cannot be watched', { fileName, error });
    try {
      return fileSystem.watch(path, () => this.look(), onFailed);
    } catch (error) {
      onFailed(error);
      return toDisposable(() => undefined);
    }
  }

  private schedule(): void {
    const delayMs = Math.min(pollMs * 2 ** this.failures, slowestPollMs);
    this.timer = this.options.clock.after(delayMs, () => this.look());
  }

  /** Reads what is new; while that goes on, further calls together cause one more reading. */
  private look(): void {
    if (this.closed) return;
    this.readAgain = true;
    this.reading ??= this.readUntilQuiet();
  }

  /** Never rejects. */
  private async readUntilQuiet(): Promise<void> {
    while (this.readAgain && !this.closed) {
      this.readAgain = false;
      try {
        await this.readNew();
        this.failures = 0;
      } catch (error) {
        this.failures += 1;
        this.options.logger.warn('A journal could not be followed', { fileName: this.options.fileName, error });
      }
    }
    this.reading = undefined;
    this.timer?.dispose();
    if (!this.closed) this.schedule();
  }

  private async readNew(): Promise<void> {
    const { sizeBytes, identity } = await this.options.fileSystem.stat(this.options.path);
    const isOther = identity !== this.identity;
    if (isOther) await this.followToOtherFile(identity);
    else if (sizeBytes === this.position) return;
    const scan = isOther || sizeBytes < this.position ? undefined : await this.scanOn();
    // Another file, shorter than before, or other bytes where a record should begin: the writer took back an append that failed.
    if (scan === undefined || scan.damaged.length > 0) await this.startOver();
    else this.position = scan.goodEnd;
    this.report();
  }

  /** The writer has put a shorter file with the same events in the place of the first. */
  private async followToOtherFile(identity: string): Promise<void> {
    const former = this.file;
    this.file = await this.options.fileSystem.open(this.options.path, 'read');
    this.identity = identity;
    this.watcher.dispose();
    this.watcher = this.watch();
    await former.close();
  }

  private async scanOn(): ReturnType<typeof scanRecords> {
    return scanRecords(this.file, this.position, this.fold.take);
  }

  private async startOver(): Promise<void> {
    const fold = new JournalFold(this.options.fileName, undefined, new RecentEvents(maxKeptChars));
    const { identity } = this;
    const scan = await scanRecords(this.file, 0, fold.take);
    this.fold = fold;
    this.foldedIdentity = identity;
    this.position = scan.goodEnd;
  }

  private report(): void {
    const fresh = this.fold.events.filter(({ sequence }) => sequence > this.reported);
    this.reported = Math.max(this.reported, this.fold.lastSequence);
    if (fresh.length > 0) this.options.onEvents(fresh);
  }
}
