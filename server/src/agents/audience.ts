import { includesScope } from '../../protocol/declaration.ts';
import type { ConversationId, SessionEvent } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { ConversationJournal } from './ports.ts';
import { compactEvents, countChars, snapshotLimits } from './compactEvents.ts';

/** What a client gets that begins to watch. */
export interface Attachment {
  /** Forget what you have and fold `events` from nothing; else go on. */
  readonly isSnapshot: boolean;
  readonly hasEarlier: boolean;
  /** Of a snapshot: what is before this number was left out, `session/events` gives it. */
  readonly earliestSequence?: number;
  /** Number of the newest event contained. */
  readonly sequence: number;
  readonly events: SessionEvent[];
}

interface Member {
  readonly client: Client;
  readonly closing: Disposable;
  sentSequence: number;
}

/** The clients that watch one conversation. Each gets every event once and in order. */
export class Audience implements Disposable {
  private readonly conversationId: ConversationId;
  private readonly members = new Map<string, Member>();

  constructor(conversationId: ConversationId) {
    this.conversationId = conversationId;
  }

  get size(): number {
    return this.members.size;
  }

  get clients(): Client[] {
    return [...this.members.values()].map(({ client }) => client);
  }

  /** Whether anybody watches who may say yes or no to what the agent asks, and write. */
  get canAnswer(): boolean {
    return this.clients.some(({ scope }) => includesScope(scope, 'agent'));
  }

  /** Attaching again replaces the former attachment. `onGone` is called if the client goes away by itself. */
  attach(
    client: Client,
    journal: Pick<ConversationJournal, 'events' | 'compactedThrough' | 'droppedThrough'>,
    fromSequence: number | undefined,
    onGone: () => void,
  ): Attachment {
    this.detach(client);
    const events = journal.events();
    const sequence = events.at(-1)?.sequence ?? 0;
    const closing = client.onClosed(() => {
      this.detach(client);
      onGone();
    });
    this.members.set(client.id, { client, closing, sentSequence: sequence });
    const missed =
      fromSequence === undefined || fromSequence < Math.max(journal.compactedThrough, journal.droppedThrough)
        ? undefined
        : missedSince(events, fromSequence);
    if (missed) return { isSnapshot: false, hasEarlier: false, sequence, events: missed };
    const { droppedThrough } = journal;
    const { events: compacted, ...cut } = compactEvents(events);
    return {
      isSnapshot: true,
      hasEarlier: cut.hasEarlier || droppedThrough > 0,
      earliestSequence: Math.max(cut.earliestSequence, droppedThrough + 1),
      sequence,
      events: [...compacted],
    };
  }

  detach(client: Client): void {
    this.members.get(client.id)?.closing.dispose();
    this.members.delete(client.id);
  }

  send(event: SessionEvent): void {
    // The same for all of them, which are written to from one text.
    const params = { sessionId: this.conversationId, ...event };
    for (const member of [...this.members.values()]) {
      if (event.sequence <= member.sentSequence) continue;
      member.sentSequence = event.sequence;
      member.client.notify('session/update', params);
    }
  }

  /** Sends what was appended while nobody listened. */
  catchUp(events: readonly SessionEvent[]): void {
    for (const event of events) this.send(event);
  }

  dispose(): void {
    for (const { client } of [...this.members.values()]) this.detach(client);
  }
}

/** The events after a number; undefined where a snapshot is shorter, or the number is not one of this journal. */
function missedSince(events: readonly SessionEvent[], fromSequence: number): SessionEvent[] | undefined {
  const last = events.at(-1)?.sequence ?? 0;
  if (fromSequence > last) return undefined;
  let start = events.length;
  while (start > 0 && (events[start - 1]?.sequence ?? 0) > fromSequence) {
    start--;
    if (events.length - start > snapshotLimits.maxEvents) return undefined;
  }
  const missed = events.slice(start);
  return countChars(missed, snapshotLimits.maxChars) > snapshotLimits.maxChars ? undefined : missed;
}
