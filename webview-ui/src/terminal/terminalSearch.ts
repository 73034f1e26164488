import { SearchAddon, type ISearchOptions } from '@xterm/addon-search';
import type { Terminal } from '@xterm/xterm';
import type { Disposable } from '../bridge/disposable.ts';

export interface FindOptions {
  readonly isCaseSensitive: boolean;
  readonly isWholeWord: boolean;
  readonly isRegex: boolean;
}

export interface FindResults {
  /** The match that is selected, counted from 0; -1 where none is, or where there are too many to count. */
  readonly index: number;
  readonly count: number;
}

/** Finds text in what a terminal shows and in its scrollback. */
export interface TerminalSearch {
  /** Selects the next match, `isBack` the one before; an empty text clears all. */
  find(text: string, options: FindOptions, isBack: boolean): void;
  clear(): void;
  onResults(listener: (results: FindResults) => void): Disposable;
}

/** Beyond so many the matches are not counted, which would take longer than typing the next letter. */
const maxMatches = 1_000;

export function createTerminalSearch(terminal: Terminal): TerminalSearch {
  const addon = new SearchAddon({ highlightLimit: maxMatches });
  terminal.loadAddon(addon);
  let before: FindOptions | undefined;
  return {
    find: (text, options, isBack) => {
      if (text === '' || (options.isRegex && !isRegex(text))) {
        addon.clearDecorations();
        terminal.clearSelection();
        return;
      }
      // The library (0.16.0) counts anew for another text, and takes no notice of other options.
      if (options !== before) addon.clearDecorations();
      before = options;
      const search: ISearchOptions = {
        caseSensitive: options.isCaseSensitive,
        wholeWord: options.isWholeWord,
        regex: options.isRegex,
        decorations: readDecorations(),
      };
      if (isBack) addon.findPrevious(text, search);
      else addon.findNext(text, search);
    },
    clear: () => addon.clearDecorations(),
    onResults: (listener) =>
      addon.onDidChangeResults(({ resultIndex, resultCount }) => listener({ index: resultIndex, count: resultCount })),
  };
}

function isRegex(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false; // Half typed: there is nothing to be found by it yet.
  }
}

/** The colours of VS Code's own find in terminals. xterm.js takes them without transparency. */
function readDecorations(): NonNullable<ISearchOptions['decorations']> {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string, otherwise: string): string => {
    const value = style.getPropertyValue(`--vscode-${name}`).trim();
    return /^#[0-9a-f]{6}/i.test(value) ? value.slice(0, 7) : otherwise;
  };
  const match = color('editor-findMatchHighlightBackground', '#7a5a2a');
  const active = color('editor-findMatchBackground', '#9e6a03');
  return {
    matchBackground: match,
    matchBorder: color('editor-findMatchHighlightBorder', match),
    matchOverviewRuler: match,
    activeMatchBackground: active,
    activeMatchBorder: color('editor-findMatchBorder', active),
    activeMatchColorOverviewRuler: active,
  };
}
