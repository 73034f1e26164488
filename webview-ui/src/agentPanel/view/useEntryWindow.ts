import { useReducer, useRef } from 'preact/hooks';

/** Entries in the page while it follows the end of the conversation. */
const followedEntries = 200;
/** Entries in the page at most, wherever somebody reads: so it stays light however far they go back. */
const maxEntries = 400;
const stepEntries = 100;

/** Which entries of a conversation are in the page. */
export interface EntryWindow {
  /** Place of the first one in the list. */
  readonly first: number;
  /** Place behind the last one. */
  readonly end: number;
  /** Counts from where the conversation was attached, so that it stays the same when earlier entries are put in front. */
  readonly firstFromAttach: number;
  readonly showEarlier: () => void;
  readonly showLater: () => void;
}

/**
 * Decides which entries are in the page. While the page follows the end these are the last ones; while somebody reads
 * further up, they stay what they are, until asked for others.
 *
 * @param resetKey Names the conversation.
 * @param inFront How many of the `count` entries were put in front since the conversation was attached.
 */
export function useEntryWindow(
  resetKey: string | null,
  { count, inFront, isPinned }: { readonly count: number; readonly inFront: number; readonly isPinned: boolean },
): EntryWindow {
  const top = useRef({ resetKey, fromAttach: 0 });
  const [, drawAgain] = useReducer((draws: number, _move: undefined) => draws + 1, 0);
  const latest = Math.max(0, count - followedEntries);
  const isElsewhere = top.current.resetKey !== resetKey;
  const first = isPinned || isElsewhere ? latest : Math.min(Math.max(0, top.current.fromAttach + inFront), latest);
  top.current = { resetKey, fromAttach: first - inFront };
  // May be called long after this was drawn, when there is more in front: so it moves from wherever it is by then.
  const move = (entries: number): void => {
    top.current = { ...top.current, fromAttach: top.current.fromAttach + entries };
    drawAgain(undefined);
  };
  return {
    first,
    end: isPinned ? count : Math.min(count, first + maxEntries),
    firstFromAttach: first - inFront,
    showEarlier: () => move(-stepEntries),
    showLater: () => move(stepEntries),
  };
}
