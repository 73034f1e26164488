import { ClipboardAddon } from '@xterm/addon-clipboard';
import { FitAddon } from '@xterm/addon-fit';
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { drawWithGpu } from './gpuRenderer.ts';
import { watchPaste } from './paste.ts';
import { muteQueries } from './queryMuting.ts';
import { handleKey } from './terminalKeys.ts';
import { createTerminalSearch } from './terminalSearch.ts';
import { onThemeChange, readTerminalFont, readTerminalTheme } from './terminalTheme.ts';
import type { TerminalScreen, TerminalSize } from './terminalScreen.ts';
import { harmlessPaste } from './harmlessPaste.ts';

const scrollbackLines = 10_000;

export interface XtermScreenOptions {
  readonly size: TerminalSize;
  readonly label: string;
  /** Whether the terminal's lines are kept readable for screen readers, which costs time under heavy output. */
  readonly screenReaderMode: boolean;
  /** Whether the graphics card may draw; it has few places for many terminals. */
  readonly mayUseGpu: boolean;
  readonly onCopy: (text: string) => void;
  /** The person wants to paste this text; what becomes of it is decided elsewhere. */
  readonly onPaste: (text: string) => void;
  readonly onPasteFailed: (error: unknown) => void;
  /** A link was clicked in the way that opens links. */
  readonly onLink: (url: string) => void;
  /** Says how a link is opened. */
  readonly linkHint: string;
  readonly onFind: () => void;
}

/** Draws a terminal with xterm.js into `element`. */
export function createXtermScreen(element: HTMLElement, options: XtermScreenOptions): TerminalScreen {
  // As in VS Code's own terminals, a click alone must not leave the terminal.
  const openLink = (event: MouseEvent, url: string): void => {
    if (event.ctrlKey || event.metaKey) options.onLink(url);
  };
  const showHint = (): void => {
    element.title = options.linkHint;
  };
  const hideHint = (): void => {
    element.title = '';
  };
  const terminal = new Terminal({
    ...options.size,
    ...readTerminalFont(),
    theme: readTerminalTheme(),
    scrollback: scrollbackLines,
    screenReaderMode: options.screenReaderMode,
    // The addons for graphemes and for finding need it.
    allowProposedApi: true,
    linkHandler: { activate: openLink, hover: showHint, leave: hideHint },
    minimumContrastRatio: 4.5,
  });
  const fitAddon = new FitAddon();
  terminal.loadAddon(fitAddon);
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.loadAddon(new WebLinksAddon(openLink, { hover: showHint, leave: hideHint }));
  terminal.loadAddon(
    new ClipboardAddon(undefined, { readText: () => '', writeText: (_which, text) => options.onCopy(text) }),
  );
  const search = createTerminalSearch(terminal);
  terminal.open(element);
  terminal.textarea?.setAttribute('aria-label', options.label);
  let isReplaying = true;
  let decoder = newDecoder();
  let isAnswering = false;
  let isDisposed = false;
  const queries = muteQueries(terminal, () => isReplaying || !isAnswering);
  const theme = onThemeChange(() => {
    terminal.options.theme = readTerminalTheme();
    Object.assign(terminal.options, readTerminalFont());
  });
  const copy = (): void => {
    if (!terminal.hasSelection()) return;
    options.onCopy(terminal.getSelection());
    terminal.clearSelection();
  };
  const paste = (): void => void navigator.clipboard.readText().then(options.onPaste, options.onPasteFailed);
  terminal.attachCustomKeyEventHandler((event) => handleKey(event, terminal, { copy, paste, find: options.onFind }));
  const pasting = watchPaste(element, {
    onPaste: options.onPaste,
    onRightClick: () => (terminal.hasSelection() ? copy() : paste()),
  });
  if (options.mayUseGpu) void drawWithGpu(terminal, () => isDisposed);
  return {
    write: (data, drawn) => terminal.write(decoder.decode(data, { stream: true }), drawn),
    replace: ({ data, size }, drawn) => {
      // Once all before it is drawn, since a reset would not hold back what is still to come.
      terminal.write('', () => {
        terminal.reset();
        terminal.resize(size.cols, size.rows);
      });
      decoder = newDecoder();
      terminal.write(decoder.decode(data, { stream: true }), drawn);
    },
    showNotice: (text) => terminal.write(`\r\n\u001b[0;2m${text}\u001b[0m\r\n`),
    setReplaying: (value) => (isReplaying = value),
    setAnswering: (value) => (isAnswering = value),
    paste: (text) => terminal.paste(harmlessPaste(text)),
    get takesPasteWhole() {
      return terminal.modes.bracketedPasteMode;
    },
    search,
    resize: ({ cols, rows }) => terminal.resize(cols, rows),
    fit: () => {
      const proposed = fitAddon.proposeDimensions();
      if (proposed === undefined || !(proposed.cols > 1) || !(proposed.rows > 0)) return null;
      terminal.resize(proposed.cols, proposed.rows);
      return { cols: proposed.cols, rows: proposed.rows };
    },
    focus: () => terminal.focus(),
    onInput: (listener) => terminal.onData(listener),
    dispose: () => {
      isDisposed = true;
      pasting.dispose();
      theme.dispose();
      for (const query of queries) query.dispose();
      terminal.dispose();
    },
  };
}

/** The library's own decoder (6.0.0) loses characters such as … and ’ when their bytes arrive in two parts. */
function newDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
