import type { SessionEvent } from '../../../../server/protocol/sessionEvents.ts';
import type { ConversationView } from './conversationView.ts';
import { foldEarlier, looseEvents, withoutFirst } from './foldEvents.ts';

/** What is known of the part of a conversation that stands before what the panel holds. */
export interface EarlierMessages {
  /** Everything from this number on is held. */
  readonly beforeSequence: number;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  /** Why it could not be loaded, until that is tried again. */
  readonly error: string | null;
  /** How many of the view's items, from its first one on, were loaded because somebody looked further back. */
  readonly loadedItems: number;
  /** Where what was there without that begins. */
  readonly latestFrom: number;
  /** Events that change what stands further up: they are applied to it when it is loaded. */
  readonly loose: readonly SessionEvent[];
}

/** A view and what stands before it. */
export interface ShownMessages {
  readonly view: ConversationView;
  readonly earlier: EarlierMessages;
}

/** Items that may stay loaded once somebody is back at the end. */
const maxItemsKept = 1_000;

/** What stands before a view that was folded from the events of an attach. */
export function earlierThan(
  view: ConversationView,
  attached: {
    readonly events: readonly SessionEvent[];
    readonly hasEarlier: boolean;
    readonly earliestSequence?: number | undefined;
  },
): EarlierMessages {
  const beforeSequence = attached.earliestSequence ?? 1;
  return {
    beforeSequence,
    hasMore: attached.hasEarlier,
    isLoading: false,
    error: null,
    loadedItems: 0,
    latestFrom: beforeSequence,
    loose: looseEvents(view, attached.events),
  };
}

/** Keeps of new events, which are part of the view already, those that change what stands further up. */
export function withLoose({ view, earlier }: ShownMessages, events: readonly SessionEvent[]): EarlierMessages {
  if (!earlier.hasMore && earlier.loadedItems === 0) return earlier;
  const loose = looseEvents(view, events, earlier.loadedItems);
  return loose.length === 0 ? earlier : { ...earlier, loose: [...earlier.loose, ...loose] };
}

/** Puts a page that `session/events` answered in front. */
export function withPage(
  { view, earlier }: ShownMessages,
  page: { readonly events: readonly SessionEvent[]; readonly earliestSequence: number; readonly hasMore: boolean },
): ShownMessages {
  const { view: longer, inFront } = foldEarlier({ view, inFront: earlier.loadedItems }, page.events, earlier.loose);
  return {
    view: longer,
    earlier: {
      ...earlier,
      beforeSequence: page.earliestSequence,
      hasMore: page.hasMore,
      loadedItems: inFront,
      loose: [...looseEvents(longer, page.events), ...earlier.loose],
    },
  };
}

/** Forgets what was loaded, if that is much, so that a panel that stays open for weeks does not grow. */
export function withoutLoaded({ view, earlier }: ShownMessages, keptItems = maxItemsKept): ShownMessages {
  const { loadedItems, latestFrom, loose } = earlier;
  if (loadedItems <= keptItems || earlier.isLoading) return { view, earlier };
  return {
    view: withoutFirst(view, loadedItems),
    earlier: {
      ...earlier,
      beforeSequence: latestFrom,
      hasMore: true,
      loadedItems: 0,
      loose: loose.filter(({ sequence }) => sequence >= latestFrom),
    },
  };
}
