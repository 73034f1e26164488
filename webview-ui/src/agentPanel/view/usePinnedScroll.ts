import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Nearer to the end than this, the view follows it. */
const pinDistancePx = 32;
/** Nearer to an edge than this, what is beyond it is wanted. */
const nearEdgePx = 400;

/** What is beyond the edges of the content. Looked at whenever somebody scrolls. */
export interface ScrollEdges {
  /** The end of the content is the end of all: there the view follows it. */
  isEndOfAll: boolean;
  /** Somebody came near the beginning, or the end, of the content. */
  onNearStart(): void;
  onNearEnd(): void;
}

/**
 * Keeps a scrolled element at its end while its content grows, until the person scrolls up. `resetKey` names what is
 * shown: when it changes, the view goes to the end again.
 */
export function usePinnedScroll(resetKey: string | null) {
  const viewport = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const edges = useRef<ScrollEdges>({ isEndOfAll: true, onNearStart: () => undefined, onNearEnd: () => undefined });
  const pinned = useRef(true);
  const lastTop = useRef(0);
  const [isPinned, setPinned] = useState(true);
  const pin = useCallback((value: boolean) => {
    pinned.current = value;
    setPinned(value);
  }, []);
  const toEnd = useCallback(() => {
    pin(true);
    const element = viewport.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [pin]);

  useLayoutEffect(() => {
    const element = viewport.current;
    const inner = content.current;
    if (element === null || inner === null) return undefined;
    const onScroll = (): void => {
      const distancePx = element.scrollHeight - element.clientHeight - element.scrollTop;
      // Content that grows also leaves the end behind; only a move upwards is the person's.
      const hasMovedUp = element.scrollTop < lastTop.current - 1;
      const hasMovedDown = element.scrollTop > lastTop.current + 1;
      lastTop.current = element.scrollTop;
      if (distancePx <= pinDistancePx && edges.current.isEndOfAll) pin(true);
      else if (hasMovedUp) pin(false);
      if (pinned.current) return;
      if (hasMovedUp && element.scrollTop < nearEdgePx) edges.current.onNearStart();
      if (hasMovedDown && distancePx < nearEdgePx) edges.current.onNearEnd();
    };
    const observer = new ResizeObserver(() => {
      if (pinned.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(inner);
    observer.observe(element);
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
    };
  }, [pin]);
  useLayoutEffect(toEnd, [resetKey, toEnd]);

  /** Stops following the end, as if the person had scrolled up. */
  const unpin = useCallback(() => pin(false), [pin]);

  /** The view was scrolled by the program: that is no move of the person's. */
  const noteMoved = useCallback(() => {
    lastTop.current = viewport.current?.scrollTop ?? 0;
  }, []);

  const toStart = useCallback(() => {
    unpin();
    if (viewport.current !== null) viewport.current.scrollTop = 0;
    noteMoved();
  }, [unpin, noteMoved]);

  return { viewport, content, edges, isPinned, toStart, toEnd, unpin, noteMoved };
}
