import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Nearer to the end than this, the view follows it. */
const pinDistancePx = 32;

/**
 * Keeps a scrolled element at its end while its content grows, until the person scrolls up. `resetKey` names what is
 * shown: when it changes, the view goes to the end again.
 */
export function usePinnedScroll(resetKey: string | null) {
  const viewport = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
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
      lastTop.current = element.scrollTop;
      if (distancePx <= pinDistancePx) pin(true);
      else if (hasMovedUp) pin(false);
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

  /** Runs a change that adds content above, and leaves what the person reads where it is. */
  const keepPosition = useCallback(
    (change: () => void) => {
      const element = viewport.current;
      const bottomPx = element === null ? 0 : element.scrollHeight - element.scrollTop;
      pin(false);
      change();
      requestAnimationFrame(() => {
        if (element !== null) element.scrollTop = element.scrollHeight - bottomPx;
      });
    },
    [pin],
  );

  return { viewport, content, isPinned, toEnd, keepPosition };
}
