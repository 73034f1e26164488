import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import type { FileSystem } from '../base/fileSystem.ts';
import { givenTitle, titleOfText } from '../base/title.ts';
import type { JournalHeader } from './conversationJournal.ts';
import { JournalFold } from './journalFormat.ts';
import { limitedTo, scanRecords } from './recordCodec.ts';

const windowBytes = 64 * 1024;

/** What the list shows of a journal. */
export interface JournalSummary {
  readonly header: JournalHeader;
  /** Milliseconds since 1970, of the last event read; that of the creation if there is none. */
  readonly updatedAt: number;
  /** The newest one given in what was read, else the beginning of the first message. */
  readonly title: string;
  /** When that title was given, in milliseconds since 1970; undefined where none was. */
  readonly titledAt?: number;
  /** A turn has begun and not ended, by a process that is at work or one that died. */
  readonly hasOpenTurn: boolean;
}

/**
 * Reads the beginning and the end of a journal, 64 KiB each, however long it is. A title that was given in between is
 * not found; who saw it before, and the index, know it. Throws as `JournalFold` does.
 */
export async function summarize(
  journalPath: string,
  fileName: string,
  fileSystem: FileSystem,
): Promise<JournalSummary> {
  const { sizeBytes } = await fileSystem.stat(journalPath);
  const file = await fileSystem.open(journalPath, 'read');
  try {
    const head = new JournalFold(fileName);
    await scanRecords(limitedTo(file, Math.min(sizeBytes, windowBytes)), 0, head.take);
    const { header } = head;
    const events = [...head.events];
    let newest = events;
    if (sizeBytes > windowBytes) {
      const tail = new JournalFold(fileName, header);
      await scanRecords(limitedTo(file, sizeBytes), Math.max(windowBytes, sizeBytes - windowBytes), tail.take);
      newest = tail.events;
      events.push(...newest);
    }
    return {
      header,
      updatedAt: events.at(-1)?.at ?? header.createdAt,
      ...titled(events),
      hasOpenTurn: hasOpenTurn(newest, sizeBytes > windowBytes),
    };
  } finally {
    await file.close();
  }
}

/** Of the newest events; where neither end of a turn is among them, they are `withinTurn` or before the first. */
export function hasOpenTurn(newest: readonly SessionEvent[], withinTurn: boolean): boolean {
  const last = newest.findLast(({ update }) => update.sessionUpdate.startsWith('turn_'));
  return last === undefined ? withinTurn : last.update.sessionUpdate === 'turn_started';
}

/** The title of the events of a journal, or of some of them, and when it was given. */
export function titled(events: readonly SessionEvent[]): Pick<JournalSummary, 'title' | 'titledAt'> {
  for (const { at, update } of events.toReversed()) {
    const title = update.sessionUpdate === 'session_info_update' ? givenTitle(update.title) : '';
    if (title !== '') return { title, titledAt: at };
  }
  for (const { update } of events) {
    if (update.sessionUpdate !== 'user_message_chunk' || update.content.type !== 'text') continue;
    const title = titleOfText(update.content.text);
    if (title !== '') return { title };
  }
  return { title: '' };
}
