import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import { compactTurn, countChars, endOf, type EventLimits } from './compactEvents.ts';

/** What stands before a number in a conversation, as much of it as fits. */
export interface EarlierPage {
  /** In order; whole turns, unless the newest of them alone is too large: then the end of that. */
  readonly events: readonly SessionEvent[];
  /** Everything from this number on is contained, up to the number asked with. Asking with it gives the page before. */
  readonly earliestSequence: number;
  /** There are events before it. */
  readonly hasMore: boolean;
}

/** Characters of JSON. */
const maxPageChars = 1024 * 1024;
/** Where a turn begins is looked for within so much of it, beyond what a page holds. */
const maxTurnChars = 2 * 1024 * 1024;
const maxTurnEvents = 4_000;

/**
 * Makes a page of the slices of a conversation before `beforeSequence`, each slice in order and the newest first. Takes
 * no more slices than it needs. Chunks of a message become one event, as in a snapshot: what is cut is cut between
 * messages and calls, where a journal that is compacted meanwhile keeps its numbers.
 */
export async function earlierPage(
  slices: AsyncIterable<readonly SessionEvent[]>,
  beforeSequence: number,
  maxEvents: number,
): Promise<EarlierPage> {
  const page = new Page(beforeSequence, { maxEvents, maxChars: maxPageChars });
  for await (const slice of slices) {
    const done = page.takeOlder(slice);
    if (done) return done;
  }
  return page.finish();
}

class Page {
  private readonly limits: EventLimits;
  private earliest: number;
  /** Whole turns, compacted, the oldest first. */
  private turns: SessionEvent[][] = [];
  private events = 0;
  private chars = 0;
  /** The later part of a turn whose beginning is still to come. */
  private open: SessionEvent[] = [];
  private openChars = 0;

  constructor(beforeSequence: number, limits: EventLimits) {
    this.earliest = beforeSequence;
    this.limits = limits;
  }

  /** Answers the page once it is full. */
  takeOlder(slice: readonly SessionEvent[]): EarlierPage | undefined {
    let end = slice.length;
    for (let index = slice.length - 1; index >= 0; index--) {
      if (slice[index]?.update.sessionUpdate !== 'turn_started') continue;
      this.takeBeginning(slice.slice(index, end));
      end = index;
      const isFull = this.endTurn();
      if (isFull) return this.full();
    }
    this.takeBeginning(slice.slice(0, end));
    if (this.open.length === 0) return undefined;
    // Whatever is open shows that there is more; a page that is half full is worth more than one that takes longer.
    if (this.events * 2 >= this.limits.maxEvents || this.chars * 2 >= this.limits.maxChars) return this.full();
    const isLong = this.openChars > maxTurnChars || this.open.length > maxTurnEvents;
    return isLong ? this.full() : undefined;
  }

  /** There is nothing older. */
  finish(): EarlierPage {
    if (this.open.length > 0 && this.endTurn()) return this.full();
    return { events: this.turns.flat(), earliestSequence: this.earliest, hasMore: false };
  }

  private takeBeginning(events: readonly SessionEvent[]): void {
    this.open = [...events, ...this.open];
    this.openChars += countChars(events);
  }

  /** Takes the turn that is open into the page, if it fits. Answers whether the page is full without it. */
  private endTurn(): boolean {
    const turn = compactTurn(this.open);
    const chars = countChars(turn);
    if (this.events + turn.length > this.limits.maxEvents || this.chars + chars > this.limits.maxChars) return true;
    this.turns.unshift(turn);
    this.events += turn.length;
    this.chars += chars;
    this.earliest = this.open[0]?.sequence ?? this.earliest;
    this.open = [];
    this.openChars = 0;
    return false;
  }

  private full(): EarlierPage {
    if (this.turns.length > 0) return { events: this.turns.flat(), earliestSequence: this.earliest, hasMore: true };
    const events = endOf(this.open, this.limits);
    return { events, earliestSequence: events[0]?.sequence ?? this.earliest, hasMore: true };
  }
}
