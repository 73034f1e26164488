import type { Disposable } from '../bridge/disposable.ts';

/** Takes what the browser pastes and the right button, both before xterm.js does. */
export function watchPaste(
  element: HTMLElement,
  actions: { onPaste(text: string): void; onRightClick(): void },
): Disposable {
  const listening = new AbortController();
  const options = { capture: true, signal: listening.signal };
  element.addEventListener(
    'paste',
    (event) => {
      event.preventDefault();
      event.stopPropagation();
      actions.onPaste(event.clipboardData?.getData('text/plain') ?? '');
    },
    options,
  );
  element.addEventListener(
    'contextmenu',
    (event) => {
      event.preventDefault();
      event.stopPropagation();
      actions.onRightClick();
    },
    options,
  );
  return { dispose: () => listening.abort() };
}
