import { makeVisible } from '../security/visibleText.ts';

/** Shortest id that is shown, so that the same one stays right for a while as others come. */
const minIdChars = 8;
/** What a program or an agent chose itself is cut: a table is for looking, `--json` has the whole. */
const maxCellChars = 60;

/** Rows as lines with their columns below one another; the first row names them. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** Characters of the ids that tell them all apart. */
export function uniqueIdChars(ids: readonly string[]): number {
  let chars = minIdChars;
  while (new Set(ids.map((id) => id.slice(0, chars))).size < ids.length) chars++;
  return chars;
}

/** Time that has passed, in its largest unit: `5m`. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Somebody else's text on one line, with nothing in it that a terminal would obey. */
export function cell(text: string): string {
  const visible = makeVisible(text).replace(/\s+/g, ' ').trim();
  const characters = Array.from(visible);
  return characters.length <= maxCellChars ? visible : `${characters.slice(0, maxCellChars - 1).join('')}…`;
}
