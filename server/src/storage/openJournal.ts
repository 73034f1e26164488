import * as path from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import type { SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import { errorCode, type FileSystem, type OpenFile } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import type { ProcessTable } from '../base/processTable.ts';
import type { ConversationJournal, JournalHeader } from './conversationJournal.ts';
import { acquireLock, type ConversationLock } from './conversationLock.ts';
import { heldElsewhere, journalClosed, storageFailed } from './errors.ts';
import { readJournal, type JournalFold } from './journalFormat.ts';
import { JournalTail } from './journalTail.ts';
import { JournalWriter } from './journalWriter.ts';
import { cutTornTail, keepDamaged, unkeptDamage } from './quarantine.ts';
import type { ScanResult } from './recordCodec.ts';

/** What a journal needs of its surroundings. */
export interface JournalSystem {
  readonly fileSystem: FileSystem;
  readonly processes: ProcessTable;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Opened {
  readonly fold: JournalFold;
  readonly scan: ScanResult;
  readonly file: OpenFile;
}

/**
 * Opens the journal at `journalPath`: for writing if nobody else holds it and its folder can be written, else for
 * reading. `onClosed` is called once, when it has been closed.
 */
export async function openJournal(
  journalPath: string,
  conversationId: string,
  system: JournalSystem,
  onClosed: () => void,
): Promise<ConversationJournal> {
  const place = { path: journalPath, fileName: path.basename(journalPath), conversationId };
  let refusal: CodedError = heldElsewhere(conversationId);
  try {
    const lock = await acquireLock(path.dirname(journalPath), conversationId, system);
    if (lock !== undefined) return await openForWriting(place, lock, { system, onClosed });
  } catch (error) {
    if (error instanceof CodedError) throw error;
    // What cannot be written may still be read: another folder's mode, a read-only or a full disk.
    refusal = storageFailed('write to the conversation', error);
    system.logger.warn('A journal is opened for reading only', { fileName: place.fileName, error });
  }
  return openForReading(place, refusal, { system, onClosed });
}

interface Place {
  readonly path: string;
  readonly fileName: string;
  readonly conversationId: string;
}

interface Surroundings {
  readonly system: JournalSystem;
  readonly onClosed: () => void;
}

async function openForWriting(
  place: Place,
  lock: ConversationLock,
  around: Surroundings,
): Promise<ConversationJournal> {
  const { fileSystem, clock } = around.system;
  let file: OpenFile | undefined;
  try {
    file = await fileSystem.open(place.path, 'readWrite');
    // Read before anything is changed: a newer format, or a file that is no journal, stays as it is.
    const { fold, scan } = await readJournal(file, place.fileName);
    const damage = await keepDamaged({ path: place.path, file, damaged: scan.damaged }, fileSystem);
    if (scan.fileEnd > scan.goodEnd) {
      damage.push(await cutTornTail({ path: place.path, file, ...scan }, fileSystem, clock.now()));
    }
    noteReading(place, { fold, scan, file }, damage, around.system.logger);
    return new WritableJournal(place, { fold, scan, file }, { ...around, lock, damage });
  } catch (error) {
    await file?.close();
    await lock.release();
    throw error;
  }
}

async function openForReading(place: Place, refusal: CodedError, around: Surroundings): Promise<ConversationJournal> {
  const { fileSystem, logger } = around.system;
  let file: OpenFile | undefined;
  try {
    file = await fileSystem.open(place.path, 'read');
    const opened = { ...(await readJournal(file, place.fileName)), file };
    const siblings = await fileSystem.list(path.dirname(place.path));
    const damage = unkeptDamage(place.path, opened.scan.damaged, siblings);
    noteReading(place, opened, damage, logger);
    return new ReadableJournal(place, opened, { ...around, refusal, damage });
  } catch (error) {
    await file?.close();
    if (errorCode(error) === 'ENOENT')
      throw new CodedError('NotFound', `Conversation ${place.conversationId} was deleted.`);
    throw storageFailed('open the conversation', error);
  }
}

function noteReading(place: Place, { fold }: Opened, damage: readonly string[], logger: Logger): void {
  const { fileName } = place;
  for (const sentence of damage) logger.warn('A journal is damaged', { fileName, damage: sentence });
  if (fold.passedOver > 0)
    logger.info('Records of unknown kinds were passed over', { fileName, count: fold.passedOver });
}

class WritableJournal implements ConversationJournal {
  readonly access = 'write';
  readonly refusal = undefined;
  readonly header: JournalHeader;
  readonly damage: readonly string[];
  private readonly all: SessionEvent[];
  private readonly appended: Emitter<SessionEvent>;
  private readonly writer: JournalWriter;
  private readonly release: () => Promise<void>;
  private closing: Promise<void> | undefined;

  constructor(
    place: Place,
    { fold, scan, file }: Opened,
    around: Surroundings & { readonly lock: ConversationLock; readonly damage: readonly string[] },
  ) {
    const { clock, logger } = around.system;
    this.header = fold.header;
    this.damage = around.damage;
    this.all = fold.events;
    this.appended = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    this.writer = new JournalWriter({
      conversationId: place.conversationId,
      file,
      endBytes: scan.goodEnd,
      lastSequence: fold.lastSequence,
      clock,
      logger,
      onDurable: (events) => {
        for (const event of events) this.all.push(event);
        for (const event of events) this.appended.fire(event);
      },
    });
    this.release = async () => {
      try {
        await this.writer.close();
      } finally {
        this.appended.dispose();
        await around.lock.release().finally(around.onClosed);
      }
    };
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

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }
}

class ReadableJournal implements ConversationJournal {
  readonly access = 'read';
  readonly refusal: CodedError;
  readonly header: JournalHeader;
  readonly damage: readonly string[];
  private readonly appended: Emitter<SessionEvent>;
  private readonly tail: JournalTail;
  private readonly onClosed: () => void;
  private readonly conversationId: string;
  private closing: Promise<void> | undefined;

  constructor(
    place: Place,
    { fold, scan, file }: Opened,
    around: Surroundings & { readonly refusal: CodedError; readonly damage: readonly string[] },
  ) {
    const { logger } = around.system;
    this.header = fold.header;
    this.damage = around.damage;
    this.refusal = around.refusal;
    this.onClosed = around.onClosed;
    this.conversationId = place.conversationId;
    this.appended = new Emitter((error) => logger.error('A listener of a journal failed', { error }));
    this.tail = new JournalTail({
      ...place,
      ...around.system,
      file,
      fold,
      goodEnd: scan.goodEnd,
      onEvents: (events) => events.forEach((event) => this.appended.fire(event)),
    });
  }

  events(): readonly SessionEvent[] {
    return this.tail.events();
  }

  append(): Promise<readonly SessionEvent[]> {
    return Promise.reject(this.closing === undefined ? this.refusal : journalClosed(this.conversationId));
  }

  onAppended(listener: (event: SessionEvent) => void): Disposable {
    return this.appended.on(listener);
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  private async release(): Promise<void> {
    try {
      await this.tail.close();
    } finally {
      this.appended.dispose();
      this.onClosed();
    }
  }
}
