import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes/lib/addon-unicode-graphemes.mjs';
import type { IBufferCell, Terminal } from '@xterm/headless';
import { Terminal as HeadlessTerminal } from '@xterm/headless/lib-headless/xterm-headless.mjs';

/** Most colours that a program can have changed: the palette, and foreground, background and cursor. */
const maxColors = 259;

/** What a cell looks like, and what the next character will look like, in the library's own encoding. */
export interface CellAttributes {
  readonly fg: number;
  readonly bg: number;
  readonly extended: { readonly _ext: number; readonly urlId: number };
}

/** A cell with all its attributes; the library's own type hides some of them. */
export type ScreenCell = IBufferCell & Omit<CellAttributes, 'extended'> & { extended: CellAttributes['extended'] };

/** One of the two buffers, with what the library's own type hides. Rows and columns count from 0. */
export interface ScreenBuffer {
  readonly x: number;
  readonly y: number;
  readonly ybase: number;
  readonly scrollTop: number;
  readonly scrollBottom: number;
  readonly savedX: number;
  readonly savedY: number;
  readonly savedCurAttrData: CellAttributes;
  readonly savedCharset: object | undefined;
  readonly tabs: Readonly<Record<number, boolean | undefined>>;
}

/** What the screen model needs beyond the library's public interface. Checked when a terminal is made. */
interface TerminalInternals {
  readonly _bufferService: { readonly buffers: { readonly normal: ScreenBuffer; readonly alt: ScreenBuffer } };
  readonly _inputHandler: {
    readonly _curAttrData: CellAttributes;
    readonly _windowTitle: string;
    eraseInDisplay(
      params: { readonly params: readonly number[]; readonly length: number },
      selective: boolean,
    ): boolean;
  };
  readonly _charsetService: { readonly glevel: number; readonly _charsets: readonly (object | undefined)[] };
  readonly _oscLinkService: { getLinkData(id: number): { readonly id?: string; readonly uri: string } | undefined };
  writeSync(data: string): void;
  readonly coreMouseService: { readonly activeEncoding: string };
  readonly unicodeService: { charProperties(codepoint: number, preceding: number): number };
  readonly coreService: {
    readonly isCursorHidden: boolean;
    readonly decPrivateModes: {
      readonly cursorStyle?: string;
      readonly cursorBlink?: boolean;
      readonly synchronizedOutput: boolean;
    };
  };
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** A terminal without a picture, which knows everything that can be said of its screen. Dispose it. */
export class ScreenTerminal {
  readonly terminal: Terminal;
  readonly internals: TerminalInternals;
  /** Colours that the program has changed: what stands after `OSC`, such as `11;#000000`, by what it changes. */
  readonly colors = new Map<string, string>();
  /** Whether the program has asked for a blinking cursor by DECSET 12, or for a steady one by DECRST 12. */
  cursorBlink: boolean | undefined;
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(size: TerminalSize, scrollbackLines: number) {
    this.terminal = new HeadlessTerminal({
      ...size,
      scrollback: scrollbackLines,
      allowProposedApi: true,
      logLevel: 'off',
    });
    this.terminal.loadAddon(new UnicodeGraphemesAddon());
    this.internals = internalsOf(this.terminal);
    this.watchColors();
    this.watchBlink();
    this.eraseAboveSafely();
  }

  get isAlternate(): boolean {
    return this.terminal.buffer.active.type === 'alternate';
  }

  get title(): string {
    return this.internals._inputHandler._windowTitle;
  }

  /** The buffer on the screen, with its cursor. */
  get active(): ScreenBuffer {
    const { normal, alt } = this.internals._bufferService.buffers;
    return this.isAlternate ? alt : normal;
  }

  /** Resolves once the bytes are taken in. */
  write(bytes: Uint8Array): Promise<void> {
    // The library's own decoder (6.0.0) loses characters such as … and ’ when their bytes arrive in two parts.
    const text = this.decoder.decode(bytes, { stream: true });
    return new Promise((resolve) => this.terminal.write(text, resolve));
  }

  resize({ cols, rows }: TerminalSize): void {
    if (cols !== this.terminal.cols || rows !== this.terminal.rows) this.terminal.resize(cols, rows);
  }

  dispose(): void {
    this.terminal.dispose();
  }

  private watchColors(): void {
    const { parser } = this.terminal;
    parser.registerOscHandler(4, (data) => {
      const slots = data.split(';');
      for (let at = 0; at + 1 < slots.length; at += 2) this.setColor(`4;${slots[at] ?? ''}`, slots[at + 1] ?? '');
      return false;
    });
    parser.registerOscHandler(104, (data) => {
      for (const key of [...this.colors.keys()]) {
        if (key.startsWith('4;') && (data === '' || data.split(';').includes(key.slice(2)))) this.colors.delete(key);
      }
      return false;
    });
    for (const code of [10, 11, 12]) {
      parser.registerOscHandler(code, (data) => {
        // Further fields are for the codes that follow.
        data.split(';').forEach((value, index) => code + index <= 12 && this.setColor(`${code + index}`, value));
        return false;
      });
      parser.registerOscHandler(code + 100, () => {
        this.colors.delete(`${code}`);
        return false;
      });
    }
    parser.registerEscHandler({ final: 'c' }, () => {
      this.colors.clear();
      this.cursorBlink = undefined;
      return false;
    });
  }

  /** A value with `?` asks for a colour and sets none. */
  private setColor(key: string, value: string): void {
    if (!/^[\w#:/.]{1,64}$/.test(value) || !/^\d+(;\d+)?$/.test(key)) return;
    if (this.colors.size < maxColors || this.colors.has(key)) this.colors.set(key, `${key};${value}`);
  }

  /**
   * With the cursor in the bottom right corner "erase above" means everything, and the library (6.0.0) throws there: it
   * looks for the line below.
   */
  private eraseAboveSafely(): void {
    for (const prefix of [undefined, '?'] as const) {
      this.terminal.parser.registerCsiHandler({ ...(prefix && { prefix }), final: 'J' }, (params) => {
        const { x, y } = this.active;
        const isCorner = y === this.terminal.rows - 1 && x >= this.terminal.cols - 1;
        if (params[0] !== 1 || !isCorner) return false;
        return this.internals._inputHandler.eraseInDisplay({ params: [2], length: 1 }, prefix !== undefined);
      });
    }
  }

  private watchBlink(): void {
    for (const [final, value] of [
      ['h', true],
      ['l', false],
    ] as const) {
      this.terminal.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
        if (params.includes(12)) this.cursorBlink = value;
        return false;
      });
    }
  }
}

function internalsOf(terminal: Terminal): TerminalInternals {
  const internals = (terminal as unknown as { readonly _core?: Partial<TerminalInternals> })._core;
  const missing = (
    [
      '_bufferService',
      '_inputHandler',
      '_charsetService',
      '_oscLinkService',
      'coreMouseService',
      'coreService',
      'unicodeService',
    ] as const
  ).filter((name) => internals?.[name] === undefined);
  if (missing.length > 0) throw new Error(`The terminal library has changed: ${missing.join(', ')} is not there.`);
  return internals as TerminalInternals;
}
