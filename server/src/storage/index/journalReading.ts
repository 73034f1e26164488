import { crc32 } from 'node:zlib';
import type { FileSystem, OpenFile } from '../../base/fileSystem.ts';
import type { JournalHeader } from '../conversationJournal.ts';
import { unreadableHeader } from '../errors.ts';
import { JournalFold } from '../journalFormat.ts';
import { scanRecords } from '../recordCodec.ts';
import { ConversationFold, emptyFold } from './conversationFold.ts';
import type { IndexDatabase, KnownJournal } from './indexDatabase.ts';
import type { FoundJournal } from './journalFolder.ts';
import type { Pace } from '../../base/pace.ts';

/** How much of a journal is folded at a stretch, in characters of JSON. */
const sliceChars = 32 * 1024;
/** How much before the end of what was folded is looked at, to be sure that the file is still the same. */
const tailBytes = 256;
/** The beginning of an event as this program writes it. */
const eventStart = /^\{"sequence":(\d{1,15}),"at":(\d{1,15}),"update":\{"sessionUpdate":"(\w+)"/;
/** Events that the index has no use for, and that are by far the longest: they are not even parsed. */
const uselessKinds: ReadonlySet<string> = new Set([
  'agent_thought_chunk',
  'permission_requested',
  'permission_answered',
]);

interface Surroundings {
  readonly database: IndexDatabase;
  readonly fileSystem: FileSystem;
  readonly pace: Pace;
}

/**
 * Folds what is new in a journal into the index: only what was appended, where the file is still the one that was
 * folded before, else all of it. Throws what the file system throws, and as `JournalFold` does.
 */
export async function readIntoIndex(journal: FoundJournal, around: Surroundings): Promise<void> {
  const { database, fileSystem } = around;
  const file = await fileSystem.open(journal.path, 'read');
  try {
    const known = database.journal(journal);
    const isSame =
      known !== undefined &&
      known.foldedBytes <= journal.sizeBytes &&
      (await tailChecksum(file, known.foldedBytes)) === known.tailChecksum;
    const reading = new Reading(journal, file, isSame ? known : undefined);
    for (let isAtEnd = false; !isAtEnd;) {
      isAtEnd = await reading.readSlice();
      if (!reading.goesOn) database.remove(journal);
      const { header, fold } = reading.take();
      const mark = {
        // Until all of it is folded, the journal does not count as seen.
        sizeBytes: isAtEnd ? journal.sizeBytes : -1,
        modifiedAt: journal.modifiedAt,
        foldedBytes: reading.position,
        tailChecksum: await tailChecksum(file, reading.position),
      };
      database.add(journal, { mark, header, fold });
      await around.pace.rest();
    }
  } finally {
    await file.close();
  }
}

/** One pass over a journal, a slice at a time. */
class Reading {
  /** Where the last record that was read ends. */
  position = 0;
  /** What is read adds to what the index has; else it takes its place. */
  goesOn = false;
  private readonly journal: FoundJournal;
  private readonly file: OpenFile;
  private header: JournalHeader | undefined;
  private fold: ConversationFold | undefined;

  constructor(journal: FoundJournal, file: OpenFile, known: KnownJournal | undefined) {
    this.journal = journal;
    this.file = file;
    if (known?.header === undefined || known.fold === undefined) return;
    this.header = known.header;
    this.fold = new ConversationFold(known.fold);
    this.position = known.foldedBytes;
    this.goesOn = true;
  }

  /** Answers whether the end was reached. */
  async readSlice(): Promise<boolean> {
    let chars = 0;
    const from = this.position;
    const take = (json: string): boolean => {
      this.takeRecord(json);
      chars += json.length;
      return chars < sliceChars;
    };
    const scan = await scanRecords(this.file, from, take, { expectedBytes: this.journal.sizeBytes - from });
    // Damage before the header means that the true first record is lost, whatever the next one looks like.
    if (scan.damaged[0]?.offset === 0) throw unreadableHeader(this.journal.fileName);
    this.position = scan.goodEnd;
    return chars < sliceChars;
  }

  /** What was gathered since the last time. */
  take(): { header: JournalHeader; fold: ConversationFold } {
    const { header, fold } = this;
    if (header === undefined || fold === undefined) throw unreadableHeader(this.journal.fileName);
    this.fold = new ConversationFold(fold.state);
    this.goesOn = true;
    return { header, fold };
  }

  private takeRecord(json: string): void {
    const { fileName } = this.journal;
    if (this.header === undefined || this.fold === undefined) {
      const first = new JournalFold(fileName);
      first.take(json);
      this.header = first.header;
      this.fold = new ConversationFold(emptyFold(first.header.createdAt));
      return;
    }
    const { state } = this.fold;
    const [, sequence, at, kind = ''] = eventStart.exec(json) ?? [];
    if (uselessKinds.has(kind) || (kind === 'tool_call_update' && !json.includes('"locations"'))) {
      if (Number(sequence) > state.sequence) this.fold.skip(Number(sequence), Number(at));
      return;
    }
    const records = new JournalFold(fileName, this.header);
    records.take(json);
    for (const event of records.events) if (event.sequence > state.sequence) this.fold.take(event);
  }
}

async function tailChecksum(file: OpenFile, endBytes: number): Promise<number> {
  const start = Math.max(0, endBytes - tailBytes);
  const bytes = Buffer.alloc(endBytes - start);
  let done = 0;
  while (done < bytes.byteLength) {
    const count = await file.read(bytes.subarray(done), start + done);
    if (count === 0) break;
    done += count;
  }
  return crc32(bytes.subarray(0, done));
}
