import { z } from 'zod';
import { conversationId, sessionEvent, type ConversationId, type SessionEvent } from '../../protocol/sessionEvents.ts';
import type { OpenFile } from '../base/fileSystem.ts';
import type { ProcessIdentity } from '../base/processTable.ts';
import type { JournalHeader } from './conversationJournal.ts';
import { unreadableHeader, unsupportedFormat } from './errors.ts';
import { JournalMarks, journalStart, type JournalMark } from './journalMarks.ts';
import { maxKeptChars, RecentEvents } from './recentEvents.ts';
import { scanRecords, type ScanResult } from './recordCodec.ts';

/**
 * New kinds of records and new fields need no new version. What does raises it, and says in the header's `readableFrom`
 * from which version on programs can still read the file and go on writing it; without that, only those that know it.
 */
export const formatVersion = 1;
const formatName = 'ai-dev-assistant conversation';

/** How the file of a conversation is named. */
export const journalSuffix = '.journal';

const anyHeader = z.looseObject({
  format: z.literal(formatName),
  version: z.int().min(1),
  readableFrom: z.int().min(1).optional(),
});
const header = anyHeader.extend({
  conversationId,
  cwd: z.string(),
  createdAt: z.number(),
  workspaceFolders: z.array(z.string()),
  imported: z.object({ at: z.number(), conversationId }).optional(),
});
/** What is asked of an event before its kind is looked at, so that unknown kinds keep their number. */
const numbered = z.looseObject({ sequence: z.int().min(1), at: z.number(), lease: z.int().min(1).optional() });
/** A lease begins: what is written under an older one behind this record counts no more. */
const leaseRecord = z.looseObject({ lease: z.int().min(1) });
const compactedRecord = z.looseObject({
  compacted: z.int().min(0),
  last: z.int().min(0),
  sizeBytes: z.int().min(0),
});

/** The JSON text of a new journal's first record. */
export function headerJson(facts: JournalHeader): string {
  return JSON.stringify({ format: formatName, version: formatVersion, ...facts });
}

/** The JSON text of an event, around the JSON text of its update. `epoch` is that of the lease under which it is written. */
export function eventJson(sequence: number, at: number, updateJson: string, epoch: number): string {
  return `{"sequence":${sequence},"at":${at},"update":${updateJson},"lease":${epoch}}`;
}

/** The JSON text of the record with which a new holder of the lease begins to write. */
export function leaseJson(epoch: number, holder: ProcessIdentity | undefined, at: number): string {
  return JSON.stringify({ lease: epoch, holder, at });
}

/**
 * The JSON text of the record that a compaction leaves: events up to the number `through` may have been merged, and the
 * last one had the number `last`, even if it became part of another. `sizeBytes` is how long the journal was afterwards, about.
 */
export function compactedJson(
  { through, last, sizeBytes }: { readonly through: number; readonly last: number; readonly sizeBytes: number },
  at: number,
): string {
  return JSON.stringify({ compacted: through, last, sizeBytes, at });
}

/** The number of the event that a record's JSON text is; 0 if it is none. */
export function sequenceOf(json: string): number {
  return numbered.safeParse(parseJson(json)).data?.sequence ?? 0;
}

/** The beginning of an event as this program writes it: number, time and kind, to be had without parsing the rest. */
export const eventStart = /^\{"sequence":(\d{1,15}),"at":(\d{1,15}),"update":\{"sessionUpdate":"(\w+)"/;

/** The id that a file name stands for, or undefined if it is no journal's. */
export function conversationOf(fileName: string): ConversationId | undefined {
  if (!fileName.endsWith(journalSuffix)) return undefined;
  const parsed = conversationId.safeParse(fileName.slice(0, -journalSuffix.length));
  return parsed.success ? parsed.data : undefined;
}

/**
 * Takes the JSON texts of a journal's records in order and keeps what they say. Records that this version does not
 * understand are passed over; their sequence numbers still count.
 */
export class JournalFold {
  readonly recent: RecentEvents;
  /** Places in the file, as far as `take` was told where records end. */
  readonly marks = new JournalMarks();
  /**
   * Records with a right checksum that were passed over: of an unknown kind, with a number that was used before, or
   * written by somebody who had lost the lease.
   */
  passedOver = 0;
  /** Whether a newer program began the file, which says that this one may go on with it. */
  isNewer = false;
  private foundHeader: JournalHeader | undefined;
  private last: number;
  private newestEpoch: number;
  private compacted = 0;
  private sinceCompaction = 0;
  private bytesAfterCompaction = 0;
  private readonly fileName: string;

  /**
   * `knownHeader` is given where reading begins behind the header, `recent` where not all events are to be kept, and
   * `from` where what stands before that place is to be taken as read.
   */
  constructor(
    fileName: string,
    knownHeader?: JournalHeader,
    recent = new RecentEvents(),
    from: JournalMark = journalStart,
  ) {
    this.fileName = fileName;
    this.recent = recent;
    this.foundHeader = knownHeader;
    this.last = from.lastSequence;
    this.newestEpoch = from.epoch;
  }

  get events(): SessionEvent[] {
    return this.recent.list;
  }

  get hasHeader(): boolean {
    return this.foundHeader !== undefined;
  }

  /** Throws `Unavailable` if no header was read. */
  get header(): JournalHeader {
    if (this.foundHeader === undefined) throw unreadableHeader(this.fileName);
    return this.foundHeader;
  }

  get lastSequence(): number {
    return this.last;
  }

  /** Of the newest lease that was read; 0 if there is none, as in journals of the first versions. */
  get epoch(): number {
    return this.newestEpoch;
  }

  /** Events up to this number may have been merged: who knows only a part of them cannot go on from there. */
  get compactedThrough(): number {
    return this.compacted;
  }

  /** How long the journal was after the last compaction; 0 if there was none. */
  get compactedBytes(): number {
    return this.bytesAfterCompaction;
  }

  /** How many events a compaction has not looked at yet. */
  get eventsSinceCompaction(): number {
    return this.sinceCompaction;
  }

  /** `endBytes` is where the record ends in the file. Throws if the first record is no header of a version that can be read. */
  readonly take = (json: string, endBytes?: number): boolean => {
    const value = parseJson(json);
    if (this.foundHeader === undefined) {
      this.foundHeader = this.parseHeader(value);
      return true;
    }
    if (typeof value === 'object' && value !== null && !('sequence' in value)) this.takeMark(value);
    else this.takeEvent(value, json.length);
    if (endBytes !== undefined) this.marks.note(endBytes, this.last, this.newestEpoch);
    return true;
  };

  private takeMark(value: object): void {
    const lease = leaseRecord.safeParse(value);
    const compacted = compactedRecord.safeParse(value);
    if (lease.success) this.newestEpoch = Math.max(this.newestEpoch, lease.data.lease);
    else if (compacted.success) {
      this.compacted = Math.max(this.compacted, compacted.data.compacted);
      this.last = Math.max(this.last, compacted.data.last);
      this.sinceCompaction = 0;
      this.bytesAfterCompaction = compacted.data.sizeBytes;
    } else this.passedOver += 1;
  }

  private takeEvent(value: unknown, chars: number): void {
    const place = numbered.safeParse(value);
    // Programs that know no leases write none: what they wrote counts.
    const epoch = place.data?.lease ?? this.newestEpoch;
    if (!place.success || place.data.sequence <= this.last || epoch < this.newestEpoch) {
      this.passedOver += 1;
      return;
    }
    this.last = place.data.sequence;
    this.sinceCompaction += 1;
    this.newestEpoch = epoch;
    const event = sessionEvent.safeParse(value);
    if (!event.success) {
      this.passedOver += 1;
      return;
    }
    // Who wrote an event is nothing that those who watch the conversation are told.
    delete event.data['lease'];
    this.recent.add(event.data, chars);
  }

  private parseHeader(value: unknown): JournalHeader {
    const any = anyHeader.safeParse(value);
    if (!any.success) throw unreadableHeader(this.fileName);
    const { version, readableFrom = version } = any.data;
    if (readableFrom > formatVersion) throw unsupportedFormat(this.fileName, version);
    this.isNewer = version > formatVersion;
    const parsed = header.safeParse(value);
    if (!parsed.success || parsed.data.conversationId !== conversationOf(this.fileName)) {
      throw unreadableHeader(this.fileName);
    }
    const { conversationId: id, cwd, createdAt, workspaceFolders, imported } = parsed.data;
    return { conversationId: id, cwd, createdAt, workspaceFolders, ...(imported && { imported }) };
  }
}

/** Reads a whole journal, and keeps its newest events. Throws as `JournalFold` does. */
export async function readJournal(file: OpenFile, fileName: string): Promise<{ fold: JournalFold; scan: ScanResult }> {
  const fold = new JournalFold(fileName, undefined, new RecentEvents(maxKeptChars));
  const scan = await scanRecords(file, 0, fold.take);
  // Damage before the header means that the true first record is lost, whatever the next one looks like.
  if (scan.damaged[0]?.offset === 0) throw unreadableHeader(fileName);
  if (!fold.hasHeader) throw unreadableHeader(fileName);
  return { fold, scan };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    // A right checksum over no JSON: some other program's file. It counts as a record not understood.
    return error;
  }
}
