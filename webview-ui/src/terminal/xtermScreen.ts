import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import type { Disposable } from '../bridge/disposable.ts';
import { onThemeChange, readTerminalFont, readTerminalTheme } from './terminalTheme.ts';
import type { TerminalScreen, TerminalSize } from './terminalScreen.ts';

const scrollbackLines = 10_000;

export interface XtermScreenOptions {
  readonly size: TerminalSize;
  /** Another viewer of the same terminal answers what the program asks of it; two answers would be typed twice. */
  readonly answersQueries: boolean;
  readonly label: string;
  /** Whether the terminal's lines are kept readable for screen readers, which costs time under heavy output. */
  readonly screenReaderMode: boolean;
  readonly onCopy: (text: string) => void;
  readonly onPasteFailed: (error: unknown) => void;
}

/** Draws a terminal with xterm.js into `element`. */
export function createXtermScreen(element: HTMLElement, options: XtermScreenOptions): TerminalScreen {
  const terminal = new Terminal({
    ...options.size,
    ...readTerminalFont(),
    theme: readTerminalTheme(),
    scrollback: scrollbackLines,
    screenReaderMode: options.screenReaderMode,
    allowProposedApi: false,
    // Links in output are text: what to open is decided by the person, in VS Code.
    linkHandler: { activate: () => undefined },
    minimumContrastRatio: 4.5,
  });
  const fitAddon = new FitAddon();
  terminal.loadAddon(fitAddon);
  terminal.open(element);
  terminal.textarea?.setAttribute('aria-label', options.label);
  let isReplaying = true;
  let decoder = newDecoder();
  const queries = muteQueries(terminal, () => isReplaying || !options.answersQueries);
  const theme = onThemeChange(() => {
    terminal.options.theme = readTerminalTheme();
    Object.assign(terminal.options, readTerminalFont());
  });
  terminal.attachCustomKeyEventHandler(
    (event) => !opensCommandPalette(event) && handleClipboardKey(event, terminal, options),
  );
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

/**
 * Programs ask a terminal what it is, where its cursor stands, which colours it has; xterm.js answers as if typed. An
 * answer to a question from the history, or a second viewer's answer, would land in the shell as garbage.
 */
function muteQueries(terminal: Terminal, isMuted: () => boolean): readonly Disposable[] {
  const parser = terminal.parser;
  const asksForColor = (data: string): boolean => isMuted() && data.includes('?');
  return [
    parser.registerCsiHandler({ final: 'c' }, isMuted),
    parser.registerCsiHandler({ prefix: '>', final: 'c' }, isMuted),
    parser.registerCsiHandler({ prefix: '=', final: 'c' }, isMuted),
    parser.registerCsiHandler({ final: 'n' }, isMuted),
    parser.registerCsiHandler({ prefix: '?', final: 'n' }, isMuted),
    parser.registerCsiHandler({ prefix: '>', final: 'q' }, isMuted),
    parser.registerCsiHandler({ intermediates: '$', final: 'p' }, isMuted),
    parser.registerCsiHandler({ prefix: '?', intermediates: '$', final: 'p' }, isMuted),
    parser.registerDcsHandler({ intermediates: '$', final: 'q' }, isMuted),
    parser.registerOscHandler(4, asksForColor),
    parser.registerOscHandler(10, asksForColor),
    parser.registerOscHandler(11, asksForColor),
    parser.registerOscHandler(12, asksForColor),
  ];
}

/** Left to VS Code, as in its own terminals; whatever xterm.js handles never reaches it. */
function opensCommandPalette(event: KeyboardEvent): boolean {
  if (event.altKey) return false;
  const hasModifier = event.ctrlKey || event.metaKey;
  if (event.key === 'F1') return !hasModifier && !event.shiftKey;
  return event.key.toLowerCase() === 'p' && hasModifier && event.shiftKey;
}

/** Ctrl+Shift+C and V, or ⌘C and ⌘V, copy and paste; everything else is the program's. */
function handleClipboardKey(event: KeyboardEvent, terminal: Terminal, options: XtermScreenOptions): boolean {
  const isChord = event.metaKey ? !event.ctrlKey : event.ctrlKey && event.shiftKey;
  const key = event.key.toLowerCase();
  if (!isChord || event.altKey || (key !== 'c' && key !== 'v')) return true;
  event.preventDefault();
  if (event.type !== 'keydown') return false;
  if (key === 'c') options.onCopy(terminal.getSelection());
  else navigator.clipboard.readText().then((text) => terminal.paste(text), options.onPasteFailed);
  return false;
}
