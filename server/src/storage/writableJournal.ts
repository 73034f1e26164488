import type { CodedError } from '../../protocol/errors.ts';
import type { SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { ConversationJournal, JournalHeader, Unreadable } from './conversationJournal.ts';
import type { ConversationLock } from './conversationLock.ts';
import { compactionLimits, JournalCompaction, removeUnfinished } from './journalCompaction.ts';
import { readBackward, readForward, type SlicedJournal } from './journalSlices.ts';
import type { JournalPlace, JournalSystem, OpenedJournal, Surroundings } from './journalSystem.ts';
import { JournalWriter } from './journalWriter.ts';
import { unreadableOf } from './quarantine.ts';
import type { RecentEvents } from './recentEvents.ts';

/** A journal that this process alone may write to. */
export class WritableJournal implements ConversationJournal {
  readonly header: JournalHeader;
  readonly damage: readonly string[];
  readonly unreadable: Unreadable | undefined;
  readonly wasCut: boolean;
  readonly compactedThrough: number;
  private readonly place: JournalPlace;
  private readonly system: JournalSystem;
  private readonly recent: RecentEvents;
  private readonly appended: Emitter<SessionEvent>;
  private readonly stale: Emitter<undefined>;
  private readonly writer: JournalWriter;
  private readonly sliced: SlicedJournal;
  private readonly release: () => Promise<void>;
  /** What cannot be read, or is not understood, would get lost. */
  private readonly canBeCompacted: boolean;
  private readonly stopping = new AbortController();
  private eventsSinceCompaction: number;
  private compactedBytes: number;
  private compacting: Promise<void> | undefined;
  private lost: CodedError | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    place: JournalPlace,
    { fold, scan, file, identity }: OpenedJournal,
    around: Surroundings & { readonly lock: ConversationLock; readonly damage: readonly string[] },
  ) {
    const { clock, logger, fileSystem, health } = around.system;
    this.place = place;
    this.system = around.system;
    this.header = fold.header;
    this.damage = around.damage;
    this.unreadable = unreadableOf(scan.damaged);
    this.wasCut = scan.fileEnd > scan.goodEnd;
    this.compactedThrough = fold.compactedThrough;
    this.canBeCompacted = scan.damaged.length === 0 && fold.passedOver === 0 && !fold.isNewer;
    this.eventsSinceCompaction = fold.eventsSinceCompaction;
    this.compactedBytes = fold.compactedBytes;
    this.recent = fold.recent;
    this.appended = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    this.stale = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    this.writer = new JournalWriter({
      ...place,
      file,
      identity,
      endBytes: scan.goodEnd,
      marks: fold.marks,
      lastSequence: fold.lastSequence,
      lock: around.lock,
      epoch: fold.epoch + 1,
      fileSystem,
      clock,
      logger,
      health,
      onDurable: (events, chars) => this.takeDurable(events, chars),
      onLeaseLost: (refusal) => {
        this.lost = refusal;
        this.stale.fire(undefined);
      },
    });
    this.sliced = {
      ...place,
      fileSystem,
      header: fold.header,
      extent: () => this.writer.extent,
      recent: () => this.recent,
    };
    this.release = async () => {
      this.stopping.abort();
      await this.compacting;
      try {
        await this.writer.close();
      } finally {
        this.appended.dispose();
        this.stale.dispose();
        await around.lock.release().finally(around.onClosed);
      }
    };
    this.compactIfLong();
  }

  get access(): 'write' | 'read' {
    return this.lost === undefined ? 'write' : 'read';
  }

  get refusal(): CodedError | undefined {
    return this.lost;
  }

  get droppedThrough(): number {
    return this.recent.droppedThrough;
  }

  events(): readonly SessionEvent[] {
    return this.recent.list;
  }

  eventsBefore(sequence: number, signal: AbortSignal): AsyncIterable<readonly SessionEvent[]> {
    return readBackward(this.sliced, sequence, signal);
  }

  allEvents(signal: AbortSignal): AsyncIterable<readonly SessionEvent[]> {
    return readForward(this.sliced, signal);
  }

  append(updates: readonly SessionUpdate[]): Promise<readonly SessionEvent[]> {
    return this.writer.append(updates);
  }

  onAppended(listener: (event: SessionEvent) => void): Disposable {
    return this.appended.on(listener);
  }

  onStale(listener: () => void): Disposable {
    return this.stale.on(listener);
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  private takeDurable(events: readonly SessionEvent[], chars: readonly number[]): void {
    this.eventsSinceCompaction += events.length;
    for (const [index, event] of events.entries()) this.recent.add(event, chars[index] ?? 0);
    for (const event of events) this.appended.fire(event);
    if (events.some(({ update }) => update.sessionUpdate === 'turn_ended')) this.compactIfLong();
  }

  private compactIfLong(): void {
    const { minEvents, minGrowthBytes } = this.system.compactionLimits ?? compactionLimits;
    const grownBytes = this.writer.endBytes - this.compactedBytes;
    const isLong =
      this.eventsSinceCompaction >= minEvents && grownBytes >= Math.max(minGrowthBytes, this.compactedBytes / 2);
    if (!isLong || !this.canBeCompacted || this.stopping.signal.aborted) return;
    this.compacting ??= this.compact().finally(() => (this.compacting = undefined));
  }

  /** Never rejects: a journal that is not compacted is as good, only longer. */
  private async compact(): Promise<void> {
    const { fileSystem, clock, logger, compactTurn } = this.system;
    if (compactTurn === undefined) return;
    const { place } = this;
    this.eventsSinceCompaction = 0;
    const sizeBytes = this.writer.endBytes;
    this.compactedBytes = sizeBytes;
    const checkLease = async (): Promise<void> => {
      await this.writer.sizeIfHeld();
    };
    try {
      const file = await fileSystem.open(place.path, 'read');
      try {
        const compaction = new JournalCompaction({
          place,
          file,
          fileSystem,
          compactTurn,
          checkLease,
          signal: this.stopping.signal,
          now: clock.now(),
        });
        if (!(await compaction.prepare(sizeBytes))) return;
        await this.writer.exchangeFile((endBytes) => compaction.finish(endBytes));
      } finally {
        await file.close();
      }
      this.compactedBytes = this.writer.endBytes;
      logger.info('A journal was compacted', { fileName: place.fileName, sizeBytes, nowBytes: this.writer.endBytes });
    } catch (error) {
      if (this.stopping.signal.aborted) logger.debug('A compaction was broken off', { fileName: place.fileName });
      else logger.warn('A journal was not compacted', { fileName: place.fileName, error });
      // Once the lease is lost, what stands there may be its successor's.
      if (this.lost !== undefined) return;
      await removeUnfinished(place, fileSystem).catch((removeError: unknown) => {
        logger.info('What a compaction left is still there; the next opening removes it', { error: removeError });
      });
    }
  }
}
