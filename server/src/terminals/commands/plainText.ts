import { stripVTControlCharacters } from 'node:util';

/**
 * Terminal output as a person would read it on paper: colours gone, a line that a spinner or a progress bar wrote over
 * and over given once as it was at last, backspaces applied. Works line by line and keeps no screen, so a full-screen
 * program's output stays a rough text.
 */
export function plainText(output: string): string {
  return output
    .replace(/\r+\n/g, '\n')
    .split('\n')
    .map((line) => plainLine(line))
    .join('\n');
}

/** What moves within a line: CR, backspace, "cursor to column" and "erase in line" of ECMA-48. */
// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const movements = /(\r|\x08|\x1b\[\d*G|\x1b\[[012]?K)/;

function plainLine(line: string): string {
  const cells: (string | undefined)[] = [];
  let column = 0;
  for (const part of line.split(movements)) {
    if (part === '\r') column = 0;
    else if (part === '\b') column = Math.max(0, column - 1);
    else if (part.startsWith('\x1b[') && part.endsWith('G')) column = Math.max(1, Number(part.slice(2, -1) || 1)) - 1;
    else if (part.startsWith('\x1b[') && part.endsWith('K')) erase(cells, column, part.slice(2, -1));
    else for (const character of textOf(part)) cells[column++] = character;
  }
  // A column that was jumped over holds nothing yet: a blank.
  return Array.from(cells, (cell) => cell ?? ' ')
    .join('')
    .trimEnd();
}

/** `2` erases the whole line, `1` up to the cursor, anything else from the cursor on. */
function erase(cells: (string | undefined)[], column: number, what: string): void {
  if (what === '1') cells.fill(' ', 0, column + 1);
  else cells.length = what === '2' ? 0 : Math.min(column, cells.length);
}

function textOf(part: string): string {
  return stripVTControlCharacters(part).replace(/(?!\t)\p{Cc}/gu, '');
}
