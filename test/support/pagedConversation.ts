import type { SessionEvent, SessionUpdate } from '../../server/protocol/sessionEvents.ts';
import { compactEvents } from '../../server/src/agents/compactEvents.ts';
import { earlierPage } from '../../server/src/agents/earlierPage.ts';
import { agent, attached, eventsOf, turnEnded, turnStarted, user } from './conversationScript.ts';
import type { ScriptedHost } from './scriptedHost.ts';

/** The slices that a journal gives of the events before a number, of `size` events each, the newest first. */
export async function* slicesBefore(
  events: readonly SessionEvent[],
  before: number,
  size: number,
): AsyncGenerator<SessionEvent[], void> {
  const older = events.filter(({ sequence }) => sequence < before);
  for (let end = older.length; end > 0; end -= size) {
    yield await Promise.resolve(older.slice(Math.max(0, end - size), end));
  }
}

/** Turns of one question and one answer, of different lengths. */
export function shortTurns(count: number): SessionUpdate[] {
  return Array.from({ length: count }, (_, index) => [
    turnStarted(`turn${index}`),
    user(`question ${index}`, `u${index}`),
    agent(`answer ${index}\n\n${'It takes some lines to say that. '.repeat((index * 7) % 23)}`, `a${index}`),
    turnEnded('end_turn'),
  ]).flat();
}

/** Answers for a conversation as the server does: the last turns at first, then page by page. `gate` is awaited for each page. */
export function answerInPages(
  host: ScriptedHost,
  updates: readonly SessionUpdate[],
  { maxTurns = 30, gate = () => Promise.resolve() }: { maxTurns?: number; gate?: () => Promise<void> } = {},
): ScriptedHost {
  const events = eventsOf(updates);
  return host
    .answer('session/attach', () => {
      const snapshot = compactEvents(events, { maxTurns, maxEvents: 2_000, maxChars: 4_000_000 });
      const { hasEarlier, earliestSequence } = snapshot;
      return attached(snapshot.events, { hasEarlier, earliestSequence });
    })
    .answer('session/events', async ({ beforeSequence, limit = 500 }) => {
      await gate();
      const page = await earlierPage(slicesBefore(events, beforeSequence, 100), beforeSequence, limit);
      return { ...page, events: [...page.events] };
    });
}
