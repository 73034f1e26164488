import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/**
 * Gives the keyboard to the prompt box when the control that has it disappears or is switched off: a question that was
 * answered, a stop button whose turn has ended. Without this the focus would be nowhere, and the next Tab would start at
 * the top.
 *
 * @param root Element that holds the controls and the prompt box.
 */
export function useFocusHandover(root: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const panel = root.current;
    if (panel === null) return;
    let last: Element | null = null;
    const onFocusIn = (event: FocusEvent): void => {
      last = event.target instanceof Element ? event.target : null;
    };
    const handOver = (): void => {
      const active = document.activeElement;
      const isGone = active === document.body && last !== null && !last.isConnected;
      const isSwitchedOff = active?.matches('button:disabled') ?? false;
      // Nothing is taken from an editor beside the panel, nor from somebody who is selecting text.
      if ((!isGone && !isSwitchedOff) || !document.hasFocus() || document.getSelection()?.type === 'Range') return;
      // Keys that were meant for a program that has just ended must not become part of a prompt.
      if (last?.closest('.terminalView') != null) return;
      last = null;
      panel.querySelector<HTMLElement>('.composerInput')?.focus();
    };
    const observer = new MutationObserver(handOver);
    observer.observe(panel, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] });
    panel.addEventListener('focusin', onFocusIn);
    return () => {
      observer.disconnect();
      panel.removeEventListener('focusin', onFocusIn);
    };
  }, [root]);
}
