import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

interface Place {
  readonly element: Element;
  /** Distance from the top of the viewport. */
  readonly topPx: number;
}

/**
 * Leaves what somebody reads where it is when entries are put in front of it, or taken away there. A browser does that by
 * itself, but not at the very top.
 *
 * @param contentKey Says with which entry the list begins: only when that changes something is to be done.
 * @param isActive False where the view follows its end.
 */
export function useKeptPlace(
  {
    viewport,
    list,
    onMoved,
  }: {
    readonly viewport: RefObject<HTMLElement | null>;
    /** Holds the entries; those that stay keep their elements. */
    readonly list: RefObject<HTMLElement | null>;
    /** Called after the view was scrolled to leave things in place. */
    readonly onMoved: () => void;
  },
  contentKey: string,
  isActive: boolean,
): void {
  const drawnKey = useRef(contentKey);
  const place = useRef<Place | null>(null);
  // Measured while this is drawn: then the page still shows what it showed before.
  if (drawnKey.current !== contentKey) place.current = isActive ? firstVisible(viewport.current, list.current) : null;
  useLayoutEffect(() => {
    drawnKey.current = contentKey;
    const kept = place.current;
    const element = viewport.current;
    place.current = null;
    if (kept === null || element === null || !kept.element.isConnected) return undefined;
    // Not both of us.
    element.style.overflowAnchor = 'none';
    element.scrollTop += topIn(element, kept.element) - kept.topPx;
    onMoved();
    const frame = requestAnimationFrame(() => element.style.removeProperty('overflow-anchor'));
    return () => {
      cancelAnimationFrame(frame);
      element.style.removeProperty('overflow-anchor');
    };
  }, [contentKey]);
}

function firstVisible(viewport: HTMLElement | null, list: HTMLElement | null): Place | null {
  if (viewport === null || list === null) return null;
  const { top } = viewport.getBoundingClientRect();
  const element = [...list.children].find((child) => child.getBoundingClientRect().bottom > top);
  return element === undefined ? null : { element, topPx: topIn(viewport, element) };
}

function topIn(viewport: HTMLElement, element: Element): number {
  return element.getBoundingClientRect().top - viewport.getBoundingClientRect().top;
}
