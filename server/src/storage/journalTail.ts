import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { FileSystem, OpenFile } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { checksumBefore } from './checksumBefore.ts';
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
  /** What `checksumBefore` gave there. */
  readonly endChecksum: number;
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
  private endChecksum: number;
  private reported: number;
  /** Something up to this number was reported that its writer has taken back. */
  private takenBackThrough = 0;
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
    this.endChecksum = options.endChecksum;
    this.reported = options.fold.lastSequence;
    this.watcher = this.watch();
    this.schedule();
  }

  get compactedThrough(): number {
    // Who knows what was taken back cannot go on from there either.
    return Math.max(this.fold.compactedThrough, this.takenBackThrough);
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
    if (identity !== this.identity) await this.followToOtherFile(identity);
    // Another file, shorter than before, or other bytes than were read: the writer took back an append that failed.
    const goesOn = sizeBytes >= this.position && (await checksumBefore(this.file, this.position)) === this.endChecksum;
    if (goesOn && sizeBytes === this.position) return;
    const scan = goesOn ? await scanRecords(this.file, this.position, this.fold.take) : undefined;
    if (scan === undefined || scan.damaged.length > 0) await this.startOver();
    else [this.position, this.endChecksum] = [scan.goodEnd, await checksumBefore(this.file, scan.goodEnd)];
    this.report();
  }

  /** The writer has put a shorter file with the same events in the place of the first. */
  private async followToOtherFile(identity: string): Promise<void> {
    const former = this.file;
    this.file = await this.options.fileSystem.open(this.options.path, 'read');
    this.identity = identity;
    // Where reading stopped means nothing here, even if what follows fails.
    this.position = Infinity;
    this.watcher.dispose();
    this.watcher = this.watch();
    await former.close();
  }

  private async startOver(): Promise<void> {
    const fold = new JournalFold(this.options.fileName, undefined, new RecentEvents(maxKeptChars));
    const { identity } = this;
    const scan = await scanRecords(this.file, 0, fold.take);
    const endChecksum = await checksumBefore(this.file, scan.goodEnd);
    this.fold = fold;
    this.foldedIdentity = identity;
    [this.position, this.endChecksum] = [scan.goodEnd, endChecksum];
    const isKept =
      this.reported <= Math.max(fold.compactedThrough, fold.recent.droppedThrough) ||
      fold.events.findLast(({ sequence }) => sequence <= this.reported)?.sequence === this.reported;
    if (!isKept) this.takenBackThrough = this.reported + 1;
  }

  private report(): void {
    const fresh = this.fold.events.filter(({ sequence }) => sequence > this.reported);
    this.reported = Math.max(this.reported, this.fold.lastSequence);
    if (fresh.length > 0) this.options.onEvents(fresh);
  }
}
