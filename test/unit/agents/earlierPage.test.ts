import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { compactEvents, compactTurn } from '../../../server/src/agents/compactEvents.ts';
import { earlierPage, type EarlierPage } from '../../../server/src/agents/earlierPage.ts';
import { eventsToMessages } from '../../../server/src/agents/eventsToMessages.ts';
import {
  agent,
  commandCall,
  commandEnded,
  eventsOf,
  turnEnded,
  turnStarted,
  user,
} from '../../support/conversationScript.ts';
import { slicesBefore } from '../../support/pagedConversation.ts';

/** Every page of a conversation, the newest first. */
async function allPages(
  events: readonly SessionEvent[],
  { limit, size, before = Infinity }: { limit: number; size: number; before?: number },
): Promise<EarlierPage[]> {
  const pages: EarlierPage[] = [];
  for (let earliest = before; ;) {
    const page = await earlierPage(slicesBefore(events, earliest, size), earliest, limit);
    pages.push(page);
    if (!page.hasMore) return pages;
    assert.ok(page.earliestSequence < earliest, 'every page goes further back');
    earliest = page.earliestSequence;
  }
}

const together = (pages: readonly EarlierPage[]): SessionEvent[] => pages.toReversed().flatMap(({ events }) => events);

/** A turn of so many answers, each in pieces and followed by a command. */
function turn(name: string, answers: number, pieces: number): SessionUpdate[] {
  const steps = Array.from({ length: answers }, (_, step) => [
    ...Array.from({ length: pieces }, (__, piece) => agent(`${step}.${piece} `, `${name}-a${step}`)),
    { ...commandCall(`${name}-c${step}`, 'ls'), toolName: 'run_command' },
    commandEnded(`${name}-c${step}`, 'files'),
  ]);
  return [turnStarted(name), user(`question ${name}`, `${name}-u`), ...steps.flat(), turnEnded('end_turn')];
}

const someTurns = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 15 })), { minLength: 1, maxLength: 12 })
  .map((turns) => eventsOf(turns.flatMap(([answers, pieces], index) => turn(`t${index}`, answers, pieces))));

describe('pages of what was said earlier', () => {
  it('are together the whole conversation, whatever their size, with nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        someTurns,
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        async (events, limit, size) => {
          const pages = await allPages(events, { limit, size });
          const all = together(pages);
          assert.deepEqual(eventsToMessages(all), eventsToMessages(events));
          const numbers = all.map(({ sequence }) => sequence);
          assert.deepEqual(
            numbers,
            [...new Set(numbers)].sort((a, b) => a - b),
          );
          for (const page of pages) assert.ok(page.events.length <= limit);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('go on in a journal that was compacted after the first of them', async () => {
    const compacted = (events: readonly SessionEvent[]): SessionEvent[] => {
      const turns: SessionEvent[][] = [];
      for (const event of events) {
        if (event.update.sessionUpdate === 'turn_started') turns.push([]);
        turns.at(-1)?.push(event);
      }
      return turns.flatMap(compactTurn);
    };
    await fc.assert(
      fc.asyncProperty(
        someTurns,
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        async (events, limit, size) => {
          const first = await earlierPage(slicesBefore(events, Infinity, size), Infinity, limit);
          const rest = await allPages(compacted(events), { limit, size, before: first.earliestSequence });
          assert.deepEqual(eventsToMessages(together([first, ...rest])), eventsToMessages(events));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('begin in front of a snapshot where that ends', async () => {
    await fc.assert(
      fc.asyncProperty(someTurns, fc.integer({ min: 3, max: 30 }), async (events, maxEvents) => {
        const snapshot = compactEvents(events, { maxTurns: 4, maxEvents, maxChars: 20_000 });
        const before = snapshot.earliestSequence;
        const pages = await allPages(events, { limit: 20, size: 10, before });
        const shown = snapshot.events.filter(({ sequence }) => sequence >= before);
        assert.deepEqual(eventsToMessages([...together(pages), ...shown]), eventsToMessages(events));
        assert.equal(snapshot.hasEarlier, before > 1);
      }),
      { numRuns: 300 },
    );
  });

  it('are whole turns where these fit, and take no more of the journal than they need', async () => {
    const events = eventsOf(Array.from({ length: 100 }, (_, index) => turn(`t${index}`, 3, 10)).flat());
    let taken = 0;
    const counted = async function* () {
      for await (const slice of slicesBefore(events, Infinity, 50)) {
        taken += slice.length;
        yield slice;
      }
    };
    const page = await earlierPage(counted(), Infinity, 100);
    assert.equal(page.events[0]?.update.sessionUpdate, 'turn_started');
    assert.ok(page.events.length >= 50 && taken < 400, `${page.events.length} of ${taken}`);
    const texts = page.events.filter(({ update }) => update.sessionUpdate === 'agent_message_chunk');
    assert.equal(new Set(texts.map(({ update }) => 'messageId' in update && update.messageId)).size, texts.length);
  });

  it('hold no more than 1 MiB, but for an event that is larger by itself', async () => {
    const large = (length: number, id: string): SessionUpdate => user('x'.repeat(length), id);
    const events = eventsOf([
      turnStarted(),
      ...[400_000, 400_000, 400_000, 1_048_576, 10].map((each, index) => large(each, `u${index}`)),
    ]);
    const pages = await allPages(events, { limit: 2_000, size: 2 });
    assert.deepEqual(
      pages.map(({ events: { length } }) => length),
      [1, 1, 2, 2],
    );
    assert.deepEqual(await earlierPage(slicesBefore([], 7, 10), 7, 10), {
      events: [],
      earliestSequence: 7,
      hasMore: false,
    });
  });
});
