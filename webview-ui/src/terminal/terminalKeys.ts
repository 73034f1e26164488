import type { Terminal } from '@xterm/xterm';

export interface KeyActions {
  copy(): void;
  paste(): void;
  find(): void;
}

/**
 * Takes the keys that are not the program's: Ctrl+Shift+C and V, or ⌘C and ⌘V, copy and paste; Ctrl+C copies where
 * something is selected; Ctrl+F finds. False means that xterm.js is to leave the key alone.
 */
export function handleKey(event: KeyboardEvent, terminal: Terminal, actions: KeyActions): boolean {
  if (opensCommandPalette(event)) return false;
  const action = actionOf(event, terminal, actions);
  if (!action) return true;
  event.preventDefault();
  event.stopPropagation();
  if (event.type === 'keydown') action();
  return false;
}

function actionOf(event: KeyboardEvent, terminal: Terminal, actions: KeyActions): (() => void) | undefined {
  if (event.altKey || event.ctrlKey === event.metaKey) return undefined;
  const key = event.key.toLowerCase();
  const isClipboardChord = event.metaKey || event.shiftKey;
  if (key === 'c' && (isClipboardChord || terminal.hasSelection())) return () => actions.copy();
  if (key === 'v' && isClipboardChord) return () => actions.paste();
  return key === 'f' && !event.shiftKey ? () => actions.find() : undefined;
}

/** Left to VS Code, as in its own terminals; whatever xterm.js handles never reaches it. */
function opensCommandPalette(event: KeyboardEvent): boolean {
  if (event.altKey) return false;
  const hasModifier = event.ctrlKey || event.metaKey;
  if (event.key === 'F1') return !hasModifier && !event.shiftKey;
  return event.key.toLowerCase() === 'p' && hasModifier && event.shiftKey;
}
