import type { ConversationId, SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { CodedError } from '../../protocol/errors.ts';
import type { Disposable } from '../base/disposable.ts';
import type { IndexedConversation } from './index/indexedConversation.ts';

/** What a journal is opened for. Opened to be read it is claimed by nobody, and kept from nobody. */
export type JournalPurpose = 'reading' | 'writing';

/** What a journal says of itself in its first record. */
export interface JournalHeader {
  readonly conversationId: ConversationId;
  readonly cwd: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Real paths of the workspace's folders when the conversation began. */
  readonly workspaceFolders: readonly string[];
  /** When it was imported, and the id it had where it was exported; undefined for one that began here. */
  readonly imported?: { readonly at: number; readonly conversationId: ConversationId };
}

/** What could not be read of a journal. */
export interface Unreadable {
  /** Stretches of damaged records, with whole ones between them. */
  readonly places: number;
  /** Equal for the same damage, however often the journal is opened. */
  readonly mark: string;
}

/** One conversation's events, in memory and on disk. Whoever opened it closes it. */
export interface ConversationJournal {
  /**
   * `read`: somebody else holds the conversation, its folder cannot be written, or it was opened to be read; new events still
   * arrive. What is open for writing becomes `read`, with no new events, if somebody takes the lease over.
   */
  readonly access: 'write' | 'read';
  /**
   * Why it cannot be written where access is `read`: `Conflict` if held elsewhere, else what the disk said. Undefined where
   * nothing stands in the way, and it was opened to be read.
   */
  readonly refusal: CodedError | undefined;
  readonly header: JournalHeader;
  /** One sentence for each damage that this opening found; empty if there was none, or it was reported before. */
  readonly damage: readonly string[];
  /** The damage in front of the last good record, also what was reported before; undefined if there is none. */
  readonly unreadable: Unreadable | undefined;
  /** This opening has cut off an end that was not whole: the last events may be missing. */
  readonly wasCut: boolean;
  /** Of the events up to this number some have been merged: who knows only a part of them cannot go on from there. */
  readonly compactedThrough: number;
  /** Events up to this number are not held in memory any more, but for the title, options and usage; 0 if all are. */
  readonly droppedThrough: number;
  /** The newest events that could be read, in order; all of them but in a very long conversation. Kinds that this version does not know are left out. */
  events(): readonly SessionEvent[];
  /**
   * The events with numbers below `sequence`, from memory and from the file, in slices: each in order, the newest slice
   * first. Bounded in memory, and in the time for which a slice keeps others waiting. Rejects with `Unavailable`, or the
   * signal's reason.
   */
  eventsBefore(sequence: number, signal: AbortSignal): AsyncIterable<readonly SessionEvent[]>;
  /** All events, the oldest first, read from the file in such slices as it stands when reading begins. */
  allEvents(signal: AbortSignal): AsyncIterable<readonly SessionEvent[]>;
  /**
   * Resolves with the numbered events once they would survive a loss of power. Rejects with a `CodedError`:
   * `Unavailable` (the disk refused; a later append may succeed), `ResourceLimit` (too much is waiting), `TooLarge`,
   * `InvalidParams`, or `Conflict` (read-only, or closed).
   */
  append(updates: readonly SessionUpdate[]): Promise<readonly SessionEvent[]>;
  /** Calls `listener` for each event after it is durable, in order, whoever wrote it. */
  onAppended(listener: (event: SessionEvent) => void): Disposable;
  /**
   * Calls `listener` once, when closing it and opening it again gives something else: the lease that somebody else held
   * has become free, the one that nobody held is held, or this one was lost.
   */
  onStale(listener: () => void): Disposable;
  /** Finishes what was appended and gives the conversation free. Calling it again waits for the first. */
  close(): Promise<void>;
}

/** A line of the list of conversations. */
export interface ConversationSummary {
  readonly conversationId: ConversationId;
  readonly cwd: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970, of the last event. */
  readonly updatedAt: number;
  /** The title given last, else the beginning of the first message, else empty. */
  readonly title: string;
  /** Another process may write to it now. */
  readonly lockedElsewhere: boolean;
  /** A turn is under way in the process that holds it. */
  readonly runsElsewhere: boolean;
  /** When it was imported, in milliseconds since 1970; undefined for one that began here. */
  readonly importedAt?: number;
  /** Why it cannot be opened, and what to do: then only its id is certain, and its times are those of the file. */
  readonly unopenable?: string;
  /** What only the index knows; undefined while it is not loaded. */
  readonly details?: Pick<IndexedConversation, 'persona' | 'model' | 'inputTokens' | 'outputTokens' | 'cost' | 'state'>;
}
