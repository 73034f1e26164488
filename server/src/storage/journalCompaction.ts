import { createHash, randomBytes, type Hash } from 'node:crypto';
import * as path from 'node:path';
import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import { writeFully, type FileSystem, type OpenFile } from '../base/fileSystem.ts';
import { compactedJson, JournalFold, leaseJson } from './journalFormat.ts';
import { JournalMarks } from './journalMarks.ts';
import type { JournalPlace } from './journalSystem.ts';
import type { CompactionLimits, TurnCompactor } from './ports.ts';
import { encodeRecord, limitedTo, scanRecords } from './recordCodec.ts';

/**
 * What a journal has to have grown by since the last time, in any case by half: so no byte is written anew more than a
 * few times, however long a conversation becomes. Shorter journals open in an instant as they are. Streaming makes some twenty events a second, so a conversation comes
 * to these numbers after a few minutes of answers, and the larger part of it goes away.
 */
export const compactionLimits: CompactionLimits = { minGrowthBytes: 4 * 1024 * 1024, minEvents: 2_000 };
/** One turn is held in memory while it is compacted; what is longer stays as it is. */
const maxTurnChars = 32 * 1024 * 1024;
const writeBytes = 256 * 1024;
const copyBytes = 256 * 1024;
const newFileInfix = '.new-';

/** A file that takes the place of a journal. */
export interface NewJournalFile {
  /** Opened for appending. */
  readonly file: OpenFile;
  readonly identity: string;
  readonly endBytes: number;
  readonly marks: JournalMarks;
}

interface CompactionOptions {
  readonly place: JournalPlace;
  /** The journal; only read. */
  readonly file: OpenFile;
  readonly fileSystem: FileSystem;
  readonly compactTurn: TurnCompactor;
  /** Throws if the lease was lost. */
  readonly checkLease: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly now: number;
}

/**
 * Removes what a compaction has left that was broken off. Whoever has just taken the lease calls it before reading the
 * journal: a former holder that goes on then cannot put its outdated copy in the place of the journal any more.
 */
export async function removeUnfinished(place: JournalPlace, fileSystem: FileSystem): Promise<void> {
  const folder = path.dirname(place.path);
  for (const name of await fileSystem.list(folder)) {
    if (name.startsWith(`${place.fileName}${newFileInfix}`)) await fileSystem.remove(path.join(folder, name));
  }
}

/**
 * Writes the events of a journal to a second file, those of ended turns as fewer ones that say the same. The journal is
 * not touched, and may grow meanwhile, until `finish` puts the new file in its place; that is to be called between two
 * commits. A crash at any moment leaves the one or the other, whole.
 */
export class JournalCompaction {
  private readonly options: CompactionOptions;
  private readonly newPath: string;
  private copiedBytes = 0;
  private newBytes = 0;
  private marks = new JournalMarks();

  constructor(options: CompactionOptions) {
    this.options = options;
    this.newPath = `${options.place.path}${newFileInfix}${randomBytes(6).toString('hex')}.tmp`;
  }

  /** Writes what stands before `endBytes`, and reads it back. Answers false, with nothing left behind, if nothing is gained. */
  async prepare(endBytes: number): Promise<boolean> {
    const { fileSystem, checkLease } = this.options;
    const target = await fileSystem.open(this.newPath, 'createNew');
    try {
      // After the file is there: whoever takes the lease from now on removes the file.
      await checkLease();
      const writing = new Writing(target, this.options);
      await this.scan(this.options.file, endBytes, (json) => writing.take(json));
      await writing.finish();
      this.copiedBytes = endBytes;
      this.newBytes = writing.writtenBytes;
      // Appends go on meanwhile; at the end they have to wait, for the little that was added since.
      await target.datasync();
      const isGain = this.newBytes < endBytes;
      if (isGain) await this.verify(target, writing);
      else await fileSystem.remove(this.newPath);
      return isGain;
    } finally {
      await target.close();
    }
  }

  /** Copies what was appended since, and puts the new file in the place of the journal. */
  async finish(endBytes: number): Promise<NewJournalFile> {
    const { fileSystem, file: journal, place, checkLease } = this.options;
    const file = await fileSystem.open(this.newPath, 'append');
    try {
      const total = this.newBytes + endBytes - this.copiedBytes;
      // In pieces, since appends may have been quicker than the copying.
      for (let from = this.copiedBytes, to = this.newBytes; to < total;) {
        const piece = await this.readPiece(journal, from, endBytes);
        await writeFully(file, piece, to);
        [from, to] = [from + piece.byteLength, to + piece.byteLength];
      }
      await file.datasync();
      for (let from = this.copiedBytes, to = this.newBytes; to < total;) {
        const piece = await this.readPiece(journal, from, endBytes);
        if (!(await this.readPiece(file, to, to + piece.byteLength)).equals(piece)) throw unlike(place.fileName);
        [from, to] = [from + piece.byteLength, to + piece.byteLength];
      }
      const { identity } = await fileSystem.stat(this.newPath);
      await checkLease();
      await fileSystem.rename(this.newPath, place.path);
      return { file, identity, endBytes: total, marks: this.marks };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Some bytes, at least one, from `start` on and before `end`. */
  private async readPiece(file: OpenFile, start: number, end: number): Promise<Buffer> {
    const piece = Buffer.allocUnsafe(Math.min(copyBytes, end - start));
    const count = await file.read(piece, start);
    if (count === 0) throw unlike(this.options.place.fileName);
    return piece.subarray(0, count);
  }

  private async scan(
    file: OpenFile,
    endBytes: number,
    take: (json: string, endBytes: number) => Promise<void>,
  ): Promise<void> {
    // A slice at a time: records are taken out of the scanner before what becomes of them is written.
    for (let position = 0; position < endBytes;) {
      this.options.signal.throwIfAborted();
      const records: { json: string; end: number }[] = [];
      let chars = 0;
      const { goodEnd, damaged } = await scanRecords(limitedTo(file, endBytes), position, (json, end) => {
        records.push({ json, end });
        chars += json.length;
        return chars < writeBytes;
      });
      if (damaged.length > 0 || goodEnd === position) throw unlike(this.options.place.fileName);
      position = goodEnd;
      for (const { json, end } of records) await take(json, end);
    }
  }

  /** What can be read from the disk has to be what was to be written. */
  private async verify(target: OpenFile, writing: Writing): Promise<void> {
    const fold = new JournalFold(this.options.place.fileName);
    const found = createHash('sha256');
    await this.scan(target, this.newBytes, (json, end) => {
      fold.take(json, end);
      for (const event of fold.events.splice(0)) found.update(JSON.stringify(event));
      return Promise.resolve();
    });
    const isSame =
      found.digest('hex') === writing.digest() &&
      fold.lastSequence === writing.fold.lastSequence &&
      fold.epoch === writing.fold.epoch &&
      fold.passedOver === 0;
    if (!isSame) throw unlike(this.options.place.fileName);
    this.marks = fold.marks;
  }
}

/** Takes the records of a journal, and writes what becomes of them. */
class Writing {
  readonly fold: JournalFold;
  writtenBytes = 0;
  private readonly target: OpenFile;
  private readonly options: CompactionOptions;
  private readonly written: Hash = createHash('sha256');
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private turn: SessionEvent[] = [];
  private turnChars = 0;
  private hasEnded = false;
  private through = 0;

  constructor(target: OpenFile, options: CompactionOptions) {
    this.target = target;
    this.options = options;
    this.fold = new JournalFold(options.place.fileName);
  }

  async take(json: string): Promise<void> {
    const isHeader = !this.fold.hasHeader;
    this.fold.take(json);
    // What this version does not understand must not get lost.
    if (this.fold.passedOver > 0 || this.fold.isNewer) throw unlike(this.options.place.fileName);
    if (isHeader) await this.put(json);
    for (const event of this.fold.events.splice(0)) {
      const begins = event.update.sessionUpdate === 'turn_started';
      if (begins || this.turnChars > maxTurnChars) await this.endTurn();
      if (begins) this.hasEnded = false;
      this.turn.push(event);
      this.turnChars += json.length;
      if (event.update.sessionUpdate === 'turn_ended') this.hasEnded = true;
    }
  }

  async finish(): Promise<void> {
    await this.endTurn();
    const { epoch, compactedThrough } = this.fold;
    const through = Math.max(this.through, compactedThrough);
    if (epoch > 0) await this.put(leaseJson(epoch, undefined, this.options.now));
    const sizeBytes = this.writtenBytes + this.pendingBytes;
    await this.put(compactedJson({ through, last: this.fold.lastSequence, sizeBytes }, this.options.now));
    await this.flush();
  }

  digest(): string {
    return this.written.digest('hex');
  }

  private async endTurn(): Promise<void> {
    // A turn that is too long to be held is written in pieces, and only its last piece is known to have ended.
    const isWhole = this.hasEnded && this.turnChars <= maxTurnChars;
    const events = isWhole ? this.options.compactTurn(this.turn) : this.turn;
    if (isWhole) this.through = this.turn.at(-1)?.sequence ?? this.through;
    for (const event of events) {
      const json = JSON.stringify(event);
      this.written.update(json);
      await this.put(json);
    }
    this.turn = [];
    this.turnChars = 0;
  }

  private async put(json: string): Promise<void> {
    const record = encodeRecord(json);
    this.pending.push(record);
    this.pendingBytes += record.byteLength;
    if (this.pendingBytes >= writeBytes) await this.flush();
  }

  private async flush(): Promise<void> {
    const data = Buffer.concat(this.pending);
    this.pending = [];
    this.pendingBytes = 0;
    await writeFully(this.target, data, this.writtenBytes);
    this.writtenBytes += data.byteLength;
  }
}

function unlike(fileName: string): Error {
  return new Error(`${fileName} was not compacted: what was read back is not what was to be kept`);
}
