import { spawn, type IPty } from 'node-pty';
import headless from '@xterm/headless';
import { waitFor } from './waitFor.ts';

/** What a person sees of their terminal, and what a program may have left changed in it. */
export interface TerminalState {
  readonly buffer: 'normal' | 'alternate';
  readonly modes: object;
  readonly cursorVisible: boolean;
  /** Every line of the normal screen and its scrollback, with colours and attributes where a cell has any. */
  readonly lines: readonly string[];
  /** The same of what is to be seen now. */
  readonly looks: readonly string[];
}

/** A terminal emulator with a program in it: a real pty, and xterm.js without a window, which answers what it is asked. */
export class PersonTerminal {
  readonly pty: IPty;
  readonly exited: Promise<number>;
  private readonly emulator: headless.Terminal;
  private readonly rawChunks: string[] = [];
  private hasExited = false;

  constructor(options: {
    file: string;
    args: readonly string[];
    env: NodeJS.ProcessEnv;
    cols?: number;
    rows?: number;
  }) {
    const { file, args, env, cols = 80, rows = 24 } = options;
    this.emulator = new headless.Terminal({ cols, rows, scrollback: 1_000, allowProposedApi: true });
    this.pty = spawn(file, [...args], { cols, rows, env: { ...env, TERM: 'xterm-256color' }, encoding: 'utf8' });
    this.pty.onData((text) => {
      this.rawChunks.push(text);
      this.emulator.write(text);
    });
    this.emulator.onData((answer) => this.pty.write(answer));
    this.exited = new Promise((resolve) => {
      this.pty.onExit(({ exitCode, signal }) => {
        this.hasExited = true;
        resolve(signal ? 128 + signal : exitCode);
      });
    });
  }

  /** Everything that was written to this terminal, as it came. */
  get raw(): string {
    return this.rawChunks.join('');
  }

  type(text: string): void {
    this.pty.write(text);
  }

  resize(cols: number, rows: number): void {
    this.emulator.resize(cols, rows);
    this.pty.resize(cols, rows);
  }

  /** The lines that are to be seen, without blanks at their ends. */
  screen(): string[] {
    const { active } = this.emulator.buffer;
    return Array.from({ length: this.emulator.rows }, (_, row) => textOf(active.getLine(active.baseY + row)));
  }

  text(): string {
    return this.screen().join('\n');
  }

  /** Waits until `text` is to be seen. */
  async shows(text: string | RegExp, timeoutMs?: number): Promise<void> {
    const isThere = () => (typeof text === 'string' ? this.text().includes(text) : text.test(this.text()));
    try {
      await waitFor(`the screen to show ${String(text)}`, isThere, timeoutMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}; it shows:\n${this.text()}`, { cause: error });
    }
  }

  cursor(): { row: number; col: number } {
    const { cursorX, cursorY } = this.emulator.buffer.active;
    return { row: cursorY, col: cursorX };
  }

  async state(): Promise<TerminalState> {
    // What was written last has been taken in when an empty write has.
    await new Promise<void>((resolve) => this.emulator.write('', resolve));
    const { normal, active } = this.emulator.buffer;
    const core = (this.emulator as unknown as { _core: { coreService: { isCursorHidden: boolean } } })._core;
    return {
      buffer: active.type,
      modes: { ...this.emulator.modes },
      cursorVisible: !core.coreService.isCursorHidden,
      lines: Array.from({ length: normal.length }, (_, index) => lookOf(normal.getLine(index))),
      looks: Array.from({ length: active.length }, (_, index) => lookOf(active.getLine(index))),
    };
  }

  async close(): Promise<void> {
    if (!this.hasExited) this.pty.kill('SIGKILL');
    await this.exited;
    this.emulator.dispose();
  }
}

function textOf(line: headless.IBufferLine | undefined): string {
  return line?.translateToString(true).trimEnd() ?? '';
}

/** The text of a line, and after it where its cells look other than plain. */
function lookOf(line: headless.IBufferLine | undefined): string {
  if (!line) return '';
  const looks: string[] = [];
  for (let column = 0; column < line.length; column++) {
    const cell = line.getCell(column);
    if (cell && !cell.isAttributeDefault()) {
      looks.push(`${column}:${cell.getFgColor()}/${cell.getBgColor()}/${cell.isBold()}${cell.isInverse()}`);
    }
  }
  return `${textOf(line)} ${looks.join(' ')}`.trimEnd();
}
