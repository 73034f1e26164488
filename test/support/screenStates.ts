import type {
  ScreenTerminal,
  ScreenBuffer,
  CellAttributes,
} from '../../server/src/terminals/screens/screenTerminal.ts';

/** Everything that can be told apart about a terminal, as text, for comparing two of them. */
export function stateOf(screen: ScreenTerminal): Record<string, unknown> {
  const { terminal, internals } = screen;
  const { normal, alt } = internals._bufferService.buffers;
  const { coreService, _charsetService: charsets, coreMouseService } = internals;
  const active = screen.isAlternate ? alt : normal;
  return {
    isAlternate: screen.isAlternate,
    normal: linesOf(screen, 'normal'),
    ...(screen.isAlternate && { alternate: linesOf(screen, 'alternate') }),
    cursor: [active.x, active.y],
    hidden: coreService.isCursorHidden,
    buffers: [bufferState(screen, normal), screen.isAlternate ? bufferState(screen, alt) : savedState(screen, alt)],
    modes: { ...terminal.modes },
    privateModes: { ...coreService.decPrivateModes },
    mouseEncoding: coreMouseService.activeEncoding,
    convertEol: terminal.options.convertEol,
    charsets: [charsets.glevel, [0, 1, 2, 3].map((index) => charsets._charsets[index] ?? 'usual')],
    style: styleText(internals._inputHandler._curAttrData, screen),
    title: screen.title,
    colors: [...screen.colors.values()].sort(),
    blink: screen.cursorBlink,
  };
}

function linesOf(screen: ScreenTerminal, which: 'normal' | 'alternate'): string[] {
  const view = screen.terminal.buffer[which];
  const lines: string[] = [`base ${view.baseY} of ${view.length}`];
  for (let row = 0; row < view.length; row++) {
    const line = view.getLine(row);
    // Whether the first line that is kept goes on from one that is not makes no difference.
    const mark = row > 0 && line?.isWrapped ? '↪' : ' ';
    const cells = Array.from({ length: screen.terminal.cols }, (_, column) => {
      const cell = line?.getCell(column);
      if (!cell) return '?';
      const attributes = cell as unknown as CellAttributes;
      const chars = cell.getChars();
      if (cell.getWidth() === 0) return '';
      return `${chars === '' ? ' ' : chars}${chars.trim() === '' ? blankStyle(attributes) : styleText(attributes, screen)}`;
    });
    lines.push(`${mark}${cells.join('')}`);
  }
  return lines;
}

/** Without what the library leaves behind of a former colour, which has no effect. */
function visible(value: number): number {
  const kind = value & 0x3000000;
  const colorMask = kind === 0x3000000 ? 0xffffff : kind === 0 ? 0 : 0xff;
  return (value & (~0x3ffffff | kind | colorMask)) >>> 0;
}

/** Of a cell without ink only what can be seen counts. */
function blankStyle({ fg, bg }: CellAttributes): string {
  const lines = fg & (0x4000000 | 0x10000000 | 0x80000000);
  return lines === 0 && (bg & 0x40000000) === 0 ? colorText(bg) : `{${lines >>> 24},${visible(bg & 0x43ffffff)}}`;
}

function colorText(bg: number): string {
  return (bg & 0x3000000) === 0 ? '' : `{${visible(bg & 0x3ffffff)}}`;
}

function styleText({ fg, bg, extended }: CellAttributes, screen: ScreenTerminal): string {
  const link = extended.urlId === 0 ? '' : JSON.stringify(screen.internals._oscLinkService.getLinkData(extended.urlId));
  const style = [visible(fg), visible(bg & ~0x10000000), visible(extended._ext), link].join();
  return style === '0,0,0,' ? '' : `{${style}}`;
}

function bufferState(screen: ScreenTerminal, buffer: ScreenBuffer): object {
  const tabs = Array.from({ length: screen.terminal.cols }, (_, column) => (buffer.tabs[column] ? 1 : 0)).join('');
  return { region: [buffer.scrollTop, buffer.scrollBottom], tabs, saved: savedState(screen, buffer) };
}

function savedState(screen: ScreenTerminal, buffer: ScreenBuffer): object {
  const { cols, rows } = screen.terminal;
  const { fg, bg } = buffer.savedCurAttrData;
  return {
    at: [Math.min(Math.max(0, buffer.savedY - buffer.ybase), rows - 1), Math.min(buffer.savedX, cols - 1)],
    style: [visible(fg), visible(bg & ~0x10000000)],
    charset: buffer.savedCharset ?? 'usual',
  };
}
