import { backgroundOf, hasBackground, isSameStyle, plainAttributes, showsOnBlank, styleSequence } from './cellStyle.ts';
import type { CellAttributes, ScreenCell, ScreenTerminal } from './screenTerminal.ts';

/** The cells on both sides of the place where a line wraps. */
export interface WrapPlace {
  readonly lastOfThis: ScreenCell;
  readonly firstOfNext: ScreenCell;
}

/**
 * Writes the lines of a screen as output. Knows where the terminal that reads it has its cursor and what it prints with,
 * so that only what changes is written.
 */
export class ReplayWriter {
  private readonly screen: ScreenTerminal;
  private readonly cols: number;
  private readonly parts: string[] = [];
  private current: CellAttributes = plainAttributes;
  private linkId = 0;
  /** What the library knows of the character before, by which the next one may join it; 0 after a sequence. */
  private joinState = 0;
  private rows = 0;
  private row = 0;
  private column = 0;
  /** New lines that are written when something follows them, or when they scroll. */
  private pendingNewLines = 0;
  /** A line that began by wrapping has something in its first cell that must be overwritten. */
  private hasFiller = false;

  constructor(screen: ScreenTerminal) {
    this.screen = screen;
    this.cols = screen.terminal.cols;
    this.parts.push('\x1b[20l');
  }

  /** Where the terminal that reads it has its cursor now. */
  get position(): { readonly row: number; readonly column: number } {
    return { row: this.row, column: Math.min(this.column, this.cols - 1) };
  }

  get text(): string {
    return this.parts.join('');
  }

  /** Starts a buffer of `rows` blank rows, with the cursor in its top left corner. */
  begin(rows: number): void {
    this.rows = rows;
    this.row = 0;
    this.column = 0;
    this.pendingNewLines = 0;
    this.hasFiller = false;
  }

  /** Writes a sequence that prints nothing. */
  control(sequence: string): void {
    this.parts.push(sequence);
    this.joinState = 0;
  }

  plain(): void {
    this.link(0);
    this.style(plainAttributes);
  }

  style(wanted: CellAttributes): void {
    if (isSameStyle(wanted, this.current)) return;
    this.control(styleSequence(wanted));
    // The library reuses the object of a cell for the next one.
    this.current = { fg: wanted.fg, bg: wanted.bg, extended: wanted.extended };
  }

  /** Leaves the terminal printing as the program would. */
  finish(wanted: CellAttributes): void {
    this.style(wanted);
    this.link(wanted.extended.urlId);
  }

  /** Cells come in order; one that shows nothing is passed over until something follows. */
  cell(cell: ScreenCell, column: number): void {
    const width = cell.getWidth();
    const chars = cell.getChars();
    // The second half of a wide character.
    if (width === 0 && chars === '') return;
    const isBlank = chars === '' && !showsOnBlank(cell);
    if (isBlank && !hasBackground(cell) && !(column === 0 && this.hasFiller)) return;
    this.flushNewLines();
    this.advanceTo(column);
    if (isBlank) this.erase(cell);
    else this.print(column + width > this.cols ? ' ' : chars || ' ', cell);
    this.hasFiller = false;
  }

  /** Prints a cell's characters where the cursor is. */
  print(chars: string, cell: ScreenCell): void {
    this.style(cell);
    this.link(cell.extended.urlId);
    // Two characters that came apart, with a sequence between them, must not become one.
    if (this.wouldJoin(chars)) this.control(styleSequence(this.current));
    this.parts.push(chars);
    this.column += Math.max(1, cell.getWidth());
    for (const character of chars) this.joinState = this.properties(character);
    // Terminals differ in how wide they make these.
    const isContested = chars.length > 1;
    if (isContested && this.column < this.cols) this.control(`\x1b[${this.column + 1}G`);
  }

  newLine(): void {
    this.pendingNewLines++;
  }

  flushNewLines(): void {
    if (this.pendingNewLines === 0) return;
    // A line that scrolls in takes the background that is set.
    if (hasBackground(this.current)) this.plain();
    this.control('\r\n'.repeat(this.pendingNewLines));
    this.row = Math.min(this.row + this.pendingNewLines, this.rows - 1);
    this.column = 0;
    this.pendingNewLines = 0;
  }

  /** Goes to the next line as a character does that finds no room, which marks it as the same line gone on. */
  wrap({ lastOfThis, firstOfNext }: WrapPlace): void {
    this.flushNewLines();
    const isFull = this.column === this.cols;
    const showsTheSame = this.printsPlainly(firstOfNext) || leavesByWrap(lastOfThis, firstOfNext);
    if ((isFull || this.wrapsWide(firstOfNext)) && showsTheSame) {
      // The next character wraps by itself.
      this.column = 0;
      this.row = Math.min(this.row + 1, this.rows - 1);
      return;
    }
    this.plain();
    if (!isFull) {
      this.advanceTo(this.cols - 1);
      this.control(' ');
    }
    this.control(' \b');
    this.row = Math.min(this.row + 1, this.rows - 1);
    if (!isFull && this.rows > 1) {
      this.control(`\x1b[A\x1b[${this.cols}G`);
      this.erase(lastOfThis);
      this.control('\x1b[B\r');
    }
    this.column = 0;
    this.hasFiller = true;
  }

  /** From where the cursor is, which also suits a terminal of another height. */
  moveTo(row: number, column: number): void {
    const distance = row - this.row;
    const vertical = distance === 0 ? '' : distance > 0 ? `\x1b[${distance}B` : `\x1b[${-distance}A`;
    this.control(`${vertical}\x1b[${column + 1}G`);
    this.row = row;
    this.column = column;
  }

  goTo(row: number, column: number): void {
    this.control(`\x1b[${row + 1};${column + 1}H`);
    this.row = row;
    this.column = column;
  }

  /** The cell at the cursor shows its background and nothing else. */
  private erase(cell: ScreenCell): void {
    this.style(backgroundOf(cell));
    this.control('\x1b[X');
  }

  private advanceTo(column: number): void {
    if (column > this.column) this.control(`\x1b[${column - this.column}C`);
    this.column = column;
  }

  private wrapsWide(next: ScreenCell): boolean {
    if (this.column > this.cols - 1 || next.getWidth() !== 2) return false;
    this.advanceTo(this.cols - 1);
    return true;
  }

  /** Whether a line that this character scrolls in is blank behind it. */
  private printsPlainly(cell: ScreenCell): boolean {
    return cell.getChars() !== '' && !hasBackground(cell) && !showsOnBlank(cell);
  }

  private link(id: number): void {
    if (id === this.linkId) return;
    this.linkId = id;
    const link = id === 0 ? undefined : this.screen.internals._oscLinkService.getLinkData(id);
    const params = link?.id === undefined ? '' : `id=${link.id}`;
    this.control(link ? `\x1b]8;${params};${link.uri}\x1b\\` : '\x1b]8;;\x1b\\');
  }

  private wouldJoin(chars: string): boolean {
    return this.joinState !== 0 && (this.properties(chars) & 1) !== 0;
  }

  private properties(chars: string): number {
    return this.screen.internals.unicodeService.charProperties(chars.codePointAt(0) ?? 0, this.joinState);
  }
}

/** Whether the last cell of a line is as a wide character leaves it that finds no room there and goes to the next line. */
export function leavesByWrap(lastOfThis: ScreenCell, firstOfNext: ScreenCell): boolean {
  const isEmpty = lastOfThis.getChars() === '' && lastOfThis.getWidth() === 1;
  const isWide = firstOfNext.getWidth() === 2 && !hasBackground(firstOfNext);
  return isEmpty && isWide && isSameStyle(lastOfThis, firstOfNext);
}
