import type { CodedError } from '../../protocol/errors.ts';
import type { SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { ConversationJournal, JournalHeader } from './conversationJournal.ts';
import type { ConversationLock } from './conversationLock.ts';
import type { JournalPlace, OpenedJournal, Surroundings } from './journalSystem.ts';
import { JournalWriter } from './journalWriter.ts';

/** A journal that this process alone may write to. */
export class WritableJournal implements ConversationJournal {
  readonly header: JournalHeader;
  readonly damage: readonly string[];
  private readonly all: SessionEvent[];
  private readonly appended: Emitter<SessionEvent>;
  private readonly stale: Emitter<undefined>;
  private readonly writer: JournalWriter;
  private readonly release: () => Promise<void>;
  private lost: CodedError | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    place: JournalPlace,
    { fold, scan, file, identity }: OpenedJournal,
    around: Surroundings & { readonly lock: ConversationLock; readonly damage: readonly string[] },
  ) {
    const { clock, logger, fileSystem } = around.system;
    this.header = fold.header;
    this.damage = around.damage;
    this.all = fold.events;
    this.appended = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    this.stale = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    this.writer = new JournalWriter({
      ...place,
      file,
      identity,
      endBytes: scan.goodEnd,
      lastSequence: fold.lastSequence,
      lock: around.lock,
      epoch: fold.epoch + 1,
      fileSystem,
      clock,
      logger,
      onDurable: (events) => {
        for (const event of events) this.all.push(event);
        for (const event of events) this.appended.fire(event);
      },
      onLeaseLost: (refusal) => {
        this.lost = refusal;
        this.stale.fire(undefined);
      },
    });
    this.release = async () => {
      try {
        await this.writer.close();
      } finally {
        this.appended.dispose();
        this.stale.dispose();
        await around.lock.release().finally(around.onClosed);
      }
    };
  }

  get access(): 'write' | 'read' {
    return this.lost === undefined ? 'write' : 'read';
  }

  get refusal(): CodedError | undefined {
    return this.lost;
  }

  events(): readonly SessionEvent[] {
    return this.all;
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
}
