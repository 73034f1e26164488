import { sessionUpdate, type SessionEvent, type SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import { dirname } from 'node:path';
import type { CodedError } from '../../protocol/errors.ts';
import { writeFully, type FileSystem, type OpenFile } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import type { ConversationLock } from './conversationLock.ts';
import { eventTooLarge, invalidUpdate, journalClosed, leaseLost, storageFailed, tooMuchWaiting } from './errors.ts';
import type { NewJournalFile } from './journalCompaction.ts';
import { eventJson, leaseJson, sequenceOf } from './journalFormat.ts';
import type { JournalHealth } from './journalHealth.ts';
import type { JournalMarks } from './journalMarks.ts';
import type { JournalExtent } from './journalSlices.ts';
import { encodeRecord, limitedTo, maxRecordBytes, scanRecords } from './recordCodec.ts';

/** What may wait for the disk, in bytes of JSON. */
const maxWaitingBytes = 32 * 1024 * 1024;
/** What an event adds around its update: keys, number and time. */
const envelopeBytes = 128;
const closeLimitMs = 10_000;
const maxAttempts = 3;
/** How long the answer counts that the lease is held, before an append. After it, it is always asked anew. */
const freshForMs = 200;

interface Waiting {
  readonly at: number;
  readonly updateJsons: readonly string[];
  readonly sizeBytes: number;
  readonly resolve: (events: readonly SessionEvent[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Exchange {
  readonly run: (endBytes: number) => Promise<NewJournalFile>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface WriterOptions {
  readonly conversationId: string;
  readonly path: string;
  /** Opened for appending. */
  readonly file: OpenFile;
  /** What the file system answers as the identity of that file. */
  readonly identity: string;
  /** Where the last good record ends. */
  readonly endBytes: number;
  /** Of that file; goes on growing. */
  readonly marks: JournalMarks;
  readonly lastSequence: number;
  readonly lock: ConversationLock;
  /** Higher than that of any lease before. */
  readonly epoch: number;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly health: JournalHealth;
  /** Called with the events of each commit and the lengths of their JSON texts, once they are durable and before their appends resolve. */
  readonly onDurable: (events: readonly SessionEvent[], chars: readonly number[]) => void;
  /** Called once, when it turns out that somebody else has taken the lease. */
  readonly onLeaseLost: (refusal: CodedError) => void;
}

/**
 * The writing end of a journal. Whatever arrives while the disk is busy goes out together, in one write and one
 * fdatasync. If that fails the file is cut back to where it was good, and later appends start from there.
 *
 * A process may be stopped for hours and go on between any two instructions, its lease taken over meanwhile by somebody
 * who took it for dead. So nothing is acknowledged unless the lease is still held once the events are durable: whoever
 * takes it over removes the claim first and reads the journal afterwards. What such a process writes nevertheless lands
 * at the end of the file, where it harms nothing, and has an older epoch than what stands before it.
 */
export class JournalWriter {
  private readonly options: WriterOptions;
  private readonly log: Logger;
  private file: OpenFile;
  private identity: string;
  private end: number;
  private marks: JournalMarks;
  /** The file has a new name that a loss of power could take back. */
  private hasUnsyncedName = false;
  private exchanges: Exchange[] = [];
  private lastSequence: number;
  /** The file may hold more than `end`: cut it before anything else is written. */
  private needsCut = false;
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private draining: Promise<void> | undefined;
  private closed = false;
  /** The record that says so is on the disk. */
  private hasBegunLease = false;
  private refusal: CodedError | undefined;
  /** When it was last known that the lease is held, in milliseconds since 1970. */
  private heldAt = -Infinity;

  constructor(options: WriterOptions) {
    this.options = options;
    this.log = options.logger;
    this.file = options.file;
    this.identity = options.identity;
    this.end = options.endBytes;
    this.marks = options.marks;
    this.lastSequence = options.lastSequence;
  }

  async append(updates: readonly SessionUpdate[]): Promise<readonly SessionEvent[]> {
    if (this.closed) throw journalClosed(this.options.conversationId);
    if (this.refusal !== undefined) throw this.refusal;
    if (updates.length === 0) return [];
    // Serialized at once, so that a caller that goes on changing its objects changes nothing here.
    const updateJsons = updates.map(serialize);
    const sizeBytes = updateJsons.reduce((sum, json) => sum + Buffer.byteLength(json) + envelopeBytes, 0);
    if (this.waitingBytes + sizeBytes > maxWaitingBytes) throw tooMuchWaiting(this.waitingBytes);
    const { promise, resolve, reject } = Promise.withResolvers<readonly SessionEvent[]>();
    this.waiting.push({ at: this.options.clock.now(), updateJsons, sizeBytes, resolve, reject });
    this.waitingBytes += sizeBytes;
    this.draining ??= this.drain();
    return promise;
  }

  /**
   * Calls `exchange` between two commits, with where the journal ends then, and goes on in the file that it answers.
   * Rejects with what went wrong; the journal goes on as it was.
   */
  async exchangeFile(exchange: (endBytes: number) => Promise<NewJournalFile>): Promise<void> {
    if (this.closed) throw journalClosed(this.options.conversationId);
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.exchanges.push({ run: exchange, resolve: () => resolve(undefined), reject });
    this.draining ??= this.drain();
    await promise;
  }

  /** Where the last record ends that was acknowledged. */
  get endBytes(): number {
    return this.end;
  }

  /** What stands in the file now. */
  get extent(): JournalExtent {
    return { marks: this.marks, identity: this.identity, endBytes: this.end };
  }

  /** Lets what was appended reach the disk, for at most 10 s, and closes the file. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.draining !== undefined && !(await this.endsInTime(this.draining))) {
      // The file stays open: closing it under a write that hangs would hang as well.
      this.log.error('A journal was given up because the disk does not answer', {
        conversationId: this.options.conversationId,
        waitingBytes: this.waitingBytes,
      });
      return;
    }
    await this.file.close();
  }

  private async endsInTime(draining: Promise<void>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.options.clock.after(closeLimitMs, () => resolve(false));
    try {
      return await Promise.race([draining.then(() => true), promise]);
    } finally {
      timer.dispose();
    }
  }

  /** Never rejects: each append learns of its own failure. */
  private async drain(): Promise<void> {
    // One turn of the event loop gathers the appends that are made together.
    await Promise.resolve();
    while (this.waiting.length > 0 || this.exchanges.length > 0) {
      for (const exchange of this.exchanges.splice(0)) await this.exchange(exchange);
      const batch = this.waiting;
      this.waiting = [];
      if (batch.length === 0) continue;
      try {
        const answers = await this.commit(batch);
        this.options.health.noteWritten();
        batch.forEach((entry, index) => entry.resolve(answers[index] ?? []));
      } catch (error) {
        this.options.health.noteRefused(error);
        const coded = storageFailed('save the conversation', error);
        this.log.warn('An append to a journal failed', { conversationId: this.options.conversationId, error: coded });
        for (const entry of batch) entry.reject(coded);
      }
      this.waitingBytes -= batch.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    }
    this.draining = undefined;
  }

  private async commit(batch: readonly Waiting[]): Promise<SessionEvent[][]> {
    const { epoch } = this.options;
    await this.prepare();
    let sequence = this.lastSequence;
    const jsons = batch.map(({ at, updateJsons }) =>
      updateJsons.map((updateJson) => eventJson((sequence += 1), at, updateJson, epoch)),
    );
    try {
      await this.write(jsons.flat());
    } catch (error) {
      if (this.refusal !== undefined) throw error;
      this.needsCut = true;
      await this.prepare().catch((cutError: unknown) => {
        this.log.warn('A failed append could not be cut off yet', {
          conversationId: this.options.conversationId,
          error: cutError,
        });
      });
      throw error;
    }
    this.lastSequence = sequence;
    this.marks.note(this.end, sequence, epoch);
    // Parsed from the very text that was written: what is shown now is what a replay will show.
    const answers = jsons.map((texts) =>
      texts.map((text) => {
        const { lease: _, ...event } = JSON.parse(text) as SessionEvent;
        return event;
      }),
    );
    this.options.onDurable(
      answers.flat(),
      jsons.flat().map(({ length }) => length),
    );
    return answers;
  }

  private async exchange({ run, resolve, reject }: Exchange): Promise<void> {
    try {
      await this.prepare();
      const former = this.file;
      const next = await run(this.end);
      [this.file, this.identity, this.end, this.marks] = [next.file, next.identity, next.endBytes, next.marks];
      this.hasUnsyncedName = true;
      await former.close();
      resolve();
    } catch (error) {
      reject(error);
    }
  }

  private async write(jsons: readonly string[]): Promise<void> {
    const { epoch, lock, clock } = this.options;
    const { file } = this;
    const begin = this.hasBegunLease ? [] : [leaseJson(epoch, lock.holder, clock.now())];
    const data = Buffer.concat([...begin, ...jsons].map(encodeRecord));
    for (let attempt = 1; ; attempt += 1) {
      await writeFully(file, data, this.end);
      await file.datasync();
      if ((await this.sizeIfHeld()) === this.end + data.byteLength) break;
      // Somebody else's bytes came in between, perhaps half a line: only records on their own are whole for certain.
      this.needsCut = true;
      if (attempt === maxAttempts) throw new Error('Somebody else keeps writing to the journal');
      await this.prepare();
    }
    this.end += data.byteLength;
    this.hasBegunLease = true;
  }

  /** Cuts off what a failed append has left, and looks at the lease before anything is changed. */
  private async prepare(): Promise<void> {
    // Who has just been told so knows it: only a process that was stopped, or idle, for a while can have lost it.
    const isFresh = Math.abs(this.options.clock.now() - this.heldAt) < freshForMs;
    if (isFresh && !this.needsCut && !this.hasUnsyncedName) return;
    const sizeBytes = await this.sizeIfHeld();
    const { file } = this;
    if (this.hasUnsyncedName) {
      await this.options.fileSystem.syncFolder(dirname(this.options.path));
      this.hasUnsyncedName = false;
    }
    // More than was written here: a holder that had lost the lease went on for a moment. Nothing of that was acknowledged,
    // and what stands before the first record of this lease would count.
    if (!this.needsCut && sizeBytes === this.end) return;
    await this.skipNumbersSeen(sizeBytes);
    await file.truncate(this.end);
    // Else what was refused could be there again after a loss of power.
    await file.datasync();
    this.needsCut = false;
  }

  /**
   * Others may have read what is going to be cut off: its numbers are not given again, and one more is left out, so that
   * they notice a hole.
   */
  private async skipNumbersSeen(sizeBytes: number): Promise<void> {
    let highest = 0;
    await scanRecords(limitedTo(this.file, sizeBytes), this.end, (json) => {
      highest = Math.max(highest, sequenceOf(json));
      return true;
    });
    if (highest > this.lastSequence) this.lastSequence = highest + 1;
  }

  /** The length of the journal. Rejects if the lease was lost, or the file is no longer where it was. */
  async sizeIfHeld(): Promise<number> {
    const { lock, fileSystem, path, conversationId } = this.options;
    if (this.refusal !== undefined) throw this.refusal;
    const [isHeld, facts] = await Promise.all([lock.isHeld(), fileSystem.stat(path)]);
    if (isHeld && facts.identity === this.identity) {
      this.heldAt = this.options.clock.now();
      return facts.sizeBytes;
    }
    this.refusal = leaseLost(conversationId);
    this.options.onLeaseLost(this.refusal);
    throw this.refusal;
  }
}

/** The JSON text of an update that is certain to be understood when it is read again. */
function serialize(update: SessionUpdate, index: number): string {
  let json: string;
  let back: unknown;
  try {
    json = JSON.stringify(update);
    back = JSON.parse(json);
  } catch (error) {
    throw invalidUpdate(index, error instanceof Error ? error.message : 'it cannot be written as JSON');
  }
  const parsed = sessionUpdate.safeParse(back);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalidUpdate(index, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
  }
  const sizeBytes = Buffer.byteLength(json) + envelopeBytes;
  if (sizeBytes > maxRecordBytes) throw eventTooLarge(sizeBytes, maxRecordBytes);
  return json;
}
