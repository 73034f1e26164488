import type { Disposable } from '../bridge/disposable.ts';
import type { TerminalSearch } from './terminalSearch.ts';

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** What draws a terminal. xterm.js is one; it is loaded only when a terminal is first shown. */
export interface TerminalScreen extends Disposable {
  /** Draws bytes of output; `drawn` is called once they have been taken in. */
  write(data: Uint8Array, drawn: () => void): void;
  /**
   * Shows a whole screen in place of everything before it, in the size that it was laid out for; `drawn` is called once
   * it has been taken in.
   */
  replace(screen: { readonly data: Uint8Array; readonly size: TerminalSize }, drawn: () => void): void;
  /** Shows a line of our own between the program's output. */
  showNotice(text: string): void;
  /** While true, questions in the output ("what terminal are you?") are old and must not be answered again. */
  setReplaying(isReplaying: boolean): void;
  /** Whether this view answers what the program asks of its terminal; two answers would be typed twice. */
  setAnswering(isAnswering: boolean): void;
  /** Types a text as a paste. */
  paste(text: string): void;
  /** Whether the program is told where a paste begins and ends, so that it takes several lines without running them. */
  readonly takesPasteWhole: boolean;
  readonly search: TerminalSearch;
  resize(size: TerminalSize): void;
  /** Makes the grid fill its element, and says how large it has become; null while the element is hidden. */
  fit(): TerminalSize | null;
  focus(): void;
  /** What the person types, and answers to the program's questions. */
  onInput(listener: (data: string) => void): Disposable;
}
