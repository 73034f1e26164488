import type { ITheme } from '@xterm/xterm';
import type { Disposable } from '../bridge/disposable.ts';

const ansiNames = ['Black', 'Red', 'Green', 'Yellow', 'Blue', 'Magenta', 'Cyan', 'White'] as const;

/** The colours of VS Code's own terminal, from the variables that it gives to webviews. */
export function readTerminalTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const color = (...names: readonly string[]): string | undefined => {
    for (const name of names) {
      const value = style.getPropertyValue(`--vscode-${name}`).trim();
      if (value !== '') return value;
    }
    return undefined;
  };
  const theme: Record<string, string | undefined> = {
    background: color('terminal-background', 'panel-background', 'editor-background'),
    foreground: color('terminal-foreground', 'editor-foreground', 'foreground'),
    cursor: color('terminalCursor-foreground', 'terminal-foreground', 'editor-foreground'),
    cursorAccent: color('terminalCursor-background', 'terminal-background', 'editor-background'),
    selectionBackground: color('terminal-selectionBackground', 'editor-selectionBackground'),
    selectionForeground: color('terminal-selectionForeground'),
    selectionInactiveBackground: color('terminal-inactiveSelectionBackground'),
  };
  for (const name of ansiNames) {
    theme[name.toLowerCase()] = color(`terminal-ansi${name}`);
    theme[`bright${name}`] = color(`terminal-ansiBright${name}`);
  }
  return Object.fromEntries(Object.entries(theme).filter(([, value]) => value !== undefined));
}

export interface TerminalFont {
  readonly fontFamily: string;
  /** Pixels. */
  readonly fontSize: number;
}

export function readTerminalFont(): TerminalFont {
  const style = getComputedStyle(document.documentElement);
  const fontFamily = style.getPropertyValue('--vscode-editor-font-family').trim();
  const fontSize = Number.parseFloat(style.getPropertyValue('--vscode-editor-font-size'));
  return { fontFamily: fontFamily === '' ? 'monospace' : fontFamily, fontSize: fontSize > 0 ? fontSize : 13 };
}

/** Calls back when the person changes the colour theme: VS Code rewrites the variables and the body's class. */
export function onThemeChange(listener: () => void): Disposable {
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class'] });
  return { dispose: () => observer.disconnect() };
}
