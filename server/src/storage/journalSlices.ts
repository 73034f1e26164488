import { setTimeout as delay } from 'node:timers/promises';
import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import type { FileSystem, OpenFile } from '../base/fileSystem.ts';
import type { JournalHeader } from './conversationJournal.ts';
import { journalExchanged, storageFailed } from './errors.ts';
import { Pace } from '../base/pace.ts';
import { JournalFold } from './journalFormat.ts';
import { journalStart, type JournalMark, type JournalMarks } from './journalMarks.ts';
import type { RecentEvents } from './recentEvents.ts';
import { limitedTo, scanRecords } from './recordCodec.ts';

/** How much of a journal is folded at a stretch, in characters of JSON; others have their turn in between. */
const sliceChars = 32 * 1024;
const sliceBytes = 64 * 1024;
/** Events in memory that are handed out at a time. */
const sliceEvents = 64;
/** Between looking whether the journal has been read anew that another process has exchanged for a shorter one, in all some 3 s. */
const exchangeDelaysMs = [0, 50, 100, 200, 400, 800, 1_600];

/** What stands in a journal's file now; another object each time that another file has taken its place. */
export interface JournalExtent {
  readonly marks: JournalMarks;
  /** What the file system answers as the identity of the file. */
  readonly identity: string;
  /** Where the last record ends that counts. */
  readonly endBytes: number;
}

/** An open journal, as far as reading what stands further back needs it. */
export interface SlicedJournal {
  readonly path: string;
  readonly fileName: string;
  readonly fileSystem: FileSystem;
  readonly header: JournalHeader;
  /** Asked anew for each reading, since the journal grows, and is compacted. */
  extent(): JournalExtent;
  recent(): RecentEvents;
}

/**
 * All events of a journal, the oldest first, read from its file as it stood when reading began, a slice at a time:
 * memory is bounded however long the journal is, and no slice takes much more than 8 ms. Rejects with a `CodedError`
 * `Unavailable`, or the signal's reason.
 */
export async function* readForward(
  journal: SlicedJournal,
  signal: AbortSignal,
): AsyncGenerator<readonly SessionEvent[], void> {
  yield* withFile(journal, signal, (file, { endBytes }) =>
    readStretch(journal, { file, from: journalStart, endBytes, pace: new Pace(signal) }),
  );
}

/**
 * The events with numbers below `beforeSequence`, a slice at a time, each slice in order and the newest slice first: from
 * memory as far as they are held there, the older ones from the file. Bounded and rejecting as `readForward`.
 */
export async function* readBackward(
  journal: SlicedJournal,
  beforeSequence: number,
  signal: AbortSignal,
): AsyncGenerator<readonly SessionEvent[], void> {
  const pace = new Pace(signal);
  let before = beforeSequence;
  const { list, droppedThrough } = journal.recent();
  const held = list.filter(({ sequence }) => sequence > droppedThrough && sequence < before);
  for (let end = held.length; end > 0; end -= sliceEvents) {
    yield held.slice(Math.max(0, end - sliceEvents), end);
    await pace.rest();
  }
  before = Math.min(before, droppedThrough + 1);
  if (before <= 1) return;
  yield* withFile(journal, signal, (file, extent) => readStretches(journal, { file, extent, before, pace }));
}

async function* readStretches(
  journal: SlicedJournal,
  {
    file,
    extent,
    before,
    pace,
  }: { readonly file: OpenFile; readonly extent: JournalExtent; readonly before: number; readonly pace: Pace },
): AsyncGenerator<readonly SessionEvent[], void> {
  for (let below = before; below > 1;) {
    const { from, endBytes = extent.endBytes } = extent.marks.stretchBefore(below);
    const events: SessionEvent[] = [];
    for await (const slice of readStretch(journal, { file, from, endBytes, pace })) {
      for (const event of slice) if (event.sequence < below) events.push(event);
    }
    if (events.length > 0) yield events;
    below = from.lastSequence + 1;
  }
}

/** Folds what stands in one stretch of the file. */
async function* readStretch(
  { fileName, header }: SlicedJournal,
  stretch: { readonly file: OpenFile; readonly from: JournalMark; readonly endBytes: number; readonly pace: Pace },
): AsyncGenerator<readonly SessionEvent[], void> {
  const { from, endBytes, pace } = stretch;
  const file = limitedTo(stretch.file, endBytes);
  // The first record is the header itself.
  const fold = new JournalFold(fileName, from.offset === 0 ? undefined : header, undefined, from);
  for (let position = from.offset; position < endBytes;) {
    let chars = 0;
    const take = (json: string): boolean => {
      fold.take(json);
      chars += json.length;
      return chars < sliceChars;
    };
    const expectedBytes = Math.min(sliceBytes, endBytes - position);
    const { goodEnd } = await scanRecords(file, position, take, { expectedBytes });
    const events = fold.events.splice(0);
    if (events.length > 0) yield events;
    await pace.rest();
    // What is left over is damage, or a record that is being written.
    if (chars < sliceChars) return;
    position = goodEnd;
  }
}

/** Opens the very file that the marks belong to: a compaction may put another one in its place at any moment. */
async function* withFile(
  journal: SlicedJournal,
  signal: AbortSignal,
  read: (file: OpenFile, extent: JournalExtent) => AsyncGenerator<readonly SessionEvent[], void>,
): AsyncGenerator<readonly SessionEvent[], void> {
  let file: OpenFile | undefined;
  try {
    for (const delayMs of exchangeDelaysMs) {
      if (delayMs > 0) await delay(delayMs, undefined, { signal });
      const extent = journal.extent();
      file = await journal.fileSystem.open(journal.path, 'read');
      // Asked after the file was opened: if the name still stands for the file of the marks, that is the one.
      const { identity } = await journal.fileSystem.stat(journal.path);
      if (identity === extent.identity && journal.extent().marks === extent.marks) {
        yield* read(file, extent);
        return;
      }
      await file.close();
      file = undefined;
    }
    throw journalExchanged(journal.fileName);
  } catch (error) {
    signal.throwIfAborted();
    throw storageFailed('read the conversation', error);
  } finally {
    await file?.close();
  }
}
