import { stripVTControlCharacters } from 'node:util';

/**
 * Terminal output as a person would read it on paper: colours and cursor movements gone, a line that a progress bar
 * wrote over and over given once as it was at last, backspaces applied. Works line by line and keeps no screen, so a
 * full-screen program's output stays a rough text.
 */
export function plainText(output: string): string {
  return stripVTControlCharacters(output)
    .replace(/\r+\n/g, '\n')
    .split('\n')
    .map((line) => overwrite(line))
    .join('\n');
}

/** Applies carriage returns and backspaces within one line. */
function overwrite(line: string): string {
  if (!/[\r\b]/.test(line)) return clean(line);
  const cells: string[] = [];
  let column = 0;
  for (const character of line) {
    if (character === '\r') column = 0;
    else if (character === '\b') column = Math.max(0, column - 1);
    else cells[column++] = character;
  }
  return clean(cells.join(''));
}

function clean(line: string): string {
  return line.replace(/(?!\t)\p{Cc}/gu, '');
}
