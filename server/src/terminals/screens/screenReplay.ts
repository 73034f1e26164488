import type { IBufferLine } from '@xterm/headless';
import { backgroundOf, isSameStyle, plainAttributes } from './cellStyle.ts';
import { leavesByWrap, ReplayWriter } from './replayWriter.ts';
import { charsetDesignator, modeSequences } from './screenModes.ts';
import type { ScreenBuffer, ScreenCell, ScreenTerminal } from './screenTerminal.ts';

/**
 * The output that brings a freshly reset terminal of the same size to this screen: lines with their wrapping, attributes
 * and links, both buffers, cursor, saved cursor, tab stops, scroll region, character sets, modes, colours and title. The
 * terminal must be between two sequences. At most `scrollbackLines` lines above the screen are taken.
 */
export function screenReplay(screen: ScreenTerminal, scrollbackLines: number): string {
  const writer = new ReplayWriter(screen);
  const { normal, alt } = screen.internals._bufferService.buffers;
  writeBuffer(screen, writer, { buffer: normal, which: 'normal', scrollbackLines });
  if (screen.isAlternate) {
    writeSavedCursor(screen, writer, normal);
    writeScrollRegion(screen, writer, normal);
    writer.plain();
    writer.control('\x1b[?1047h\x1b[H');
    writeBuffer(screen, writer, { buffer: alt, which: 'alternate', scrollbackLines: 0 });
    writeSavedCursor(screen, writer, alt);
  } else {
    writeAlternateSavedCursor(screen, writer, alt);
    writeSavedCursor(screen, writer, normal);
  }
  const isCursorAbsolute = writeScrollRegion(screen, writer, screen.active);
  writeCursor(screen, writer, isCursorAbsolute);
  writer.control(modeSequences(screen));
  writer.finish(screen.internals._inputHandler._curAttrData);
  return writer.text;
}

interface BufferPart {
  readonly buffer: ScreenBuffer;
  readonly which: 'normal' | 'alternate';
  readonly scrollbackLines: number;
}

function writeBuffer(
  screen: ScreenTerminal,
  writer: ReplayWriter,
  { buffer, which, scrollbackLines }: BufferPart,
): void {
  const { terminal } = screen;
  writeTabStops(screen, writer, buffer);
  const view = terminal.buffer[which];
  const first = Math.max(0, view.baseY - scrollbackLines);
  const lineCount = view.baseY + terminal.rows - first;
  writer.begin(terminal.rows);
  const cell = view.getNullCell() as ScreenCell;
  const nextCell = view.getNullCell() as ScreenCell;
  for (let row = 0; row < lineCount; row++) {
    const line = view.getLine(first + row);
    if (!line) break;
    const next = row + 1 < lineCount ? view.getLine(first + row + 1) : undefined;
    const firstOfNext = next?.isWrapped ? readCell(next, 0, nextCell) : undefined;
    for (let column = 0; column < terminal.cols; column++) {
      const found = readCell(line, column, cell);
      const isLeftByWrap = column === terminal.cols - 1 && found && firstOfNext && leavesByWrap(found, firstOfNext);
      if (found && !isLeftByWrap) writer.cell(found, column);
    }
    if (row + 1 === lineCount) break;
    if (firstOfNext) {
      const lastOfThis = readCell(line, terminal.cols - 1, cell);
      writer.wrap({ lastOfThis: lastOfThis ?? cell, firstOfNext });
    } else {
      writer.newLine();
    }
  }
  if (lineCount > terminal.rows) writer.flushNewLines();
}

/** Reads a cell into `cell`, in which the library leaves the link and the underline of the one before where this has none. */
function readCell(line: IBufferLine, column: number, cell: ScreenCell): ScreenCell | undefined {
  cell.extended = plainAttributes.extended;
  return line.getCell(column, cell) as ScreenCell | undefined;
}

function writeTabStops(screen: ScreenTerminal, writer: ReplayWriter, { tabs }: ScreenBuffer): void {
  const { cols } = screen.terminal;
  const columns = Array.from({ length: cols }, (_, column) => column);
  if (columns.every((column) => Boolean(tabs[column]) === (column % 8 === 0))) return;
  const stops = columns.filter((column) => tabs[column]).map((column) => `\x1b[${column + 1}G\x1bH`);
  writer.control(`\x1b[3g${stops.join('')}\r`);
}

/** The alternate buffer keeps its saved cursor while it is not shown. */
function writeAlternateSavedCursor(screen: ScreenTerminal, writer: ReplayWriter, alt: ScreenBuffer): void {
  if (!hasSavedCursor(alt)) return;
  const { row, column } = writer.position;
  writer.plain();
  writer.control('\x1b[?1047h');
  writeSavedCursor(screen, writer, alt);
  writer.plain();
  writer.control('\x1b[?1047l');
  // The cursor is common to both.
  writer.goTo(row, column);
}

function hasSavedCursor({ savedX, savedY, savedCurAttrData: style, savedCharset }: ScreenBuffer): boolean {
  return savedX !== 0 || savedY !== 0 || style.fg !== 0 || style.bg !== 0 || savedCharset !== undefined;
}

/** What DECRC will give back. */
function writeSavedCursor(screen: ScreenTerminal, writer: ReplayWriter, buffer: ScreenBuffer): void {
  const { savedX, savedY, savedCurAttrData: style, savedCharset } = buffer;
  if (!hasSavedCursor(buffer)) return;
  const row = Math.min(Math.max(0, savedY - buffer.ybase), screen.terminal.rows - 1);
  const charset = charsetDesignator(savedCharset);
  writer.style({ fg: style.fg, bg: style.bg, extended: { _ext: 0, urlId: 0 } });
  writer.goTo(row, Math.min(savedX, screen.terminal.cols - 1));
  writer.control(charset === undefined ? '\x1b7' : `\x1b(${charset}\x1b7\x1b(B`);
}

/** Says whether the cursor can only be placed from the top from now on, since setting a region moves it there. */
function writeScrollRegion(screen: ScreenTerminal, writer: ReplayWriter, buffer: ScreenBuffer): boolean {
  const { scrollTop, scrollBottom } = buffer;
  if (scrollTop === 0 && scrollBottom === screen.terminal.rows - 1) return false;
  writer.control(`\x1b[${scrollTop + 1};${scrollBottom + 1}r`);
  return true;
}

function writeCursor(screen: ScreenTerminal, writer: ReplayWriter, isAbsolute: boolean): void {
  const { terminal, active } = screen;
  const isOrigin = terminal.modes.originMode;
  if (isOrigin) writer.control('\x1b[?6h');
  const view = terminal.buffer.active;
  const line = view.getLine(view.baseY + active.y);
  // Behind the last column the cursor waits for the next character to wrap, and only a character brings it there.
  const isPastEnd = active.x >= terminal.cols;
  const last = isPastEnd ? line?.getCell(terminal.cols - 1) : undefined;
  const column = isPastEnd ? terminal.cols - (last?.getWidth() === 0 ? 2 : 1) : active.x;
  if (isAbsolute || isOrigin) writer.goTo(active.y - (isOrigin ? active.scrollTop : 0), column);
  else writer.moveTo(active.y, column);
  if (!isPastEnd) return;
  const cell = line?.getCell(column) as ScreenCell | undefined;
  if (!cell) return;
  // Of a line without a character the one that brought the cursor there is erased again, and the cursor stays.
  const background = backgroundOf(cell);
  const cells = Array.from({ length: terminal.cols }, (_, index) => line?.getCell(index) as ScreenCell | undefined);
  const isErased = cells.every((one) => one?.getChars() === '' && isSameStyle(one, background));
  writer.print(cell.getChars() || ' ', cell);
  if (isErased) {
    writer.style(background);
    writer.control('\x1b[1K');
  }
}
