import type { ScreenTerminal } from './screenTerminal.ts';

/**
 * What stands on the screen as plain text, with at most `scrollbackLines` lines above it: lines trimmed at the right,
 * those that the terminal wrapped put together again, blank ones at the end left out.
 */
export function screenText(screen: ScreenTerminal, scrollbackLines: number): string {
  const { terminal } = screen;
  const view = terminal.buffer.active;
  const first = Math.max(0, view.baseY - scrollbackLines);
  const lines: string[] = [];
  for (let row = first; row < view.baseY + terminal.rows; row++) {
    const line = view.getLine(row);
    if (!line) break;
    // A line that goes on is full: blanks at its end belong to the text.
    const goesOn = view.getLine(row + 1)?.isWrapped ?? false;
    const text = line.translateToString(!goesOn);
    if (line.isWrapped && lines.length > 0) lines.push(`${lines.pop() ?? ''}${text}`);
    else lines.push(text);
  }
  return lines
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();
}
