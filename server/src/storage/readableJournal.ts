import * as path from 'node:path';
import type { CodedError } from '../../protocol/errors.ts';
import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { ConversationJournal, JournalHeader, Unreadable } from './conversationJournal.ts';
import { journalClosed, openedToBeRead } from './errors.ts';
import { readBackward, readForward, type SlicedJournal } from './journalSlices.ts';
import type { JournalPlace, OpenedJournal, Surroundings } from './journalSystem.ts';
import { JournalTail } from './journalTail.ts';
import { LeaseWatch } from './leaseWatch.ts';
import { unreadableOf } from './quarantine.ts';

/** A journal that is read along: while somebody else writes, where nobody can, or where nobody wants to write. */
export class ReadableJournal implements ConversationJournal {
  readonly access = 'read';
  readonly refusal: CodedError | undefined;
  readonly header: JournalHeader;
  readonly damage: readonly string[];
  readonly unreadable: Unreadable | undefined;
  readonly wasCut = false;
  private readonly appended: Emitter<SessionEvent>;
  private readonly stale: Emitter<undefined>;
  private readonly tail: JournalTail;
  private readonly watch: LeaseWatch | undefined;
  private readonly sliced: SlicedJournal;
  private readonly onClosed: () => void;
  private readonly conversationId: string;
  private closing: Promise<void> | undefined;

  constructor(
    place: JournalPlace,
    { fold, scan, file, identity }: OpenedJournal,
    around: Surroundings & {
      readonly refusal: CodedError | undefined;
      readonly damage: readonly string[];
      /** What `checksumBefore` gave where reading ended. */
      readonly endChecksum: number;
    },
  ) {
    const { logger } = around.system;
    this.header = fold.header;
    this.damage = around.damage;
    this.unreadable = unreadableOf(scan.damaged);
    this.refusal = around.refusal;
    this.onClosed = around.onClosed;
    this.conversationId = place.conversationId;
    this.appended = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    this.stale = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    // Where it is the disk that refuses, whoever looks at the conversation again tries again.
    if (around.refusal === undefined || around.refusal.reason === 'Conflict') {
      this.watch = new LeaseWatch({
        folder: path.dirname(place.path),
        conversationId: place.conversationId,
        ...around.system,
        isHeld: around.refusal !== undefined,
        onChanged: () => this.stale.fire(undefined),
      });
    }
    this.tail = new JournalTail({
      ...place,
      ...around.system,
      file,
      identity,
      fold,
      goodEnd: scan.goodEnd,
      endChecksum: around.endChecksum,
      onEvents: (events) => events.forEach((event) => this.appended.fire(event)),
    });
    this.sliced = {
      ...place,
      fileSystem: around.system.fileSystem,
      header: fold.header,
      extent: () => this.tail.extent,
      recent: () => this.tail.recent,
    };
  }

  get compactedThrough(): number {
    return this.tail.compactedThrough;
  }

  get droppedThrough(): number {
    return this.tail.droppedThrough;
  }

  events(): readonly SessionEvent[] {
    return this.tail.events();
  }

  eventsBefore(sequence: number, signal: AbortSignal): AsyncIterable<readonly SessionEvent[]> {
    return readBackward(this.sliced, sequence, signal);
  }

  allEvents(signal: AbortSignal): AsyncIterable<readonly SessionEvent[]> {
    return readForward(this.sliced, signal);
  }

  append(): Promise<readonly SessionEvent[]> {
    const isOpen = this.closing === undefined;
    return Promise.reject(
      isOpen ? (this.refusal ?? openedToBeRead(this.conversationId)) : journalClosed(this.conversationId),
    );
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

  private async release(): Promise<void> {
    this.watch?.dispose();
    try {
      await this.tail.close();
    } finally {
      this.appended.dispose();
      this.stale.dispose();
      this.onClosed();
    }
  }
}
