import type { FileSystem, OpenFile } from '../../base/fileSystem.ts';
import { checksumBefore } from '../checksumBefore.ts';
import type { JournalHeader } from '../conversationJournal.ts';
import { unreadableHeader } from '../errors.ts';
import { eventStart, JournalFold } from '../journalFormat.ts';
import { scanRecords } from '../recordCodec.ts';
import { ConversationFold, emptyFold } from './conversationFold.ts';
import type { IndexDatabase, KnownJournal } from './indexDatabase.ts';
import type { FoundJournal } from './journalFolder.ts';
import type { Pace } from '../../base/pace.ts';

/** How much of a journal is folded at a stretch, in characters of JSON. */
const sliceChars = 32 * 1024;
/** A lease, or the lease under which an event was written. */
const leasePattern = /^\{"lease":(\d{1,15})[,}]|,"lease":(\d{1,15})\}$/;
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
      (await checksumBefore(file, known.foldedBytes)) === known.tailChecksum;
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
        tailChecksum: await checksumBefore(file, reading.position),
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
    const lease = leasePattern.exec(json);
    const epoch = Number(lease?.[1] ?? lease?.[2] ?? state.epoch ?? 0);
    // Somebody wrote who had lost the lease: in the journal that does not count.
    if (epoch < (state.epoch ?? 0)) return;
    state.epoch = epoch;
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
