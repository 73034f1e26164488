import {
  numbersOf,
  SequenceReader,
  splitCommand,
  type Sequence,
  type SequenceListener,
} from '../terminals/screens/sequenceReader.ts';

/** Modes that switch to the alternate screen: the person's terminal is on it already, and must stay there. */
const alternateModes = new Set([47, 1047, 1049]);
/** Modes that change the width of the person's window, or allow it. */
const windowModes = new Set([3, 40]);
/** Reports of the shell to the terminal it believes to be in: its folder, and where its commands begin and end. */
const shellReports = new Set([7, 133, 633]);
/** Of palette, foreground, background and the like. */
const isColor = (number: number): boolean => number === 4 || number === 5 || (number >= 10 && number <= 19);
const clipboard = 52;
const c1Lead = 0xc2;

/** What the output did that has to be undone, or made good, from outside. */
export interface FilteredOutput {
  readonly data: Buffer;
  /** The program has left its alternate screen, and what was below can only be drawn anew. What follows is left out. */
  readonly needsScreen: boolean;
}

export interface SessionOutputFilterOptions {
  /** Stands in for a full reset, which would also leave the alternate screen. */
  readonly resetSequence: string;
  /** Whether the program may put something into the person's clipboard; it can read it in no case. */
  readonly mayWriteClipboard: boolean;
}

/**
 * Output of a terminal session on its way to a person's terminal that shows it on the alternate screen, as a guest: what
 * would leave that screen, erase the person's scrollback, resize the window, read the clipboard or pass for their own
 * shell's reports is taken out or replaced. All else passes: text byte for byte, sequences in their usual form.
 */
export class SessionOutputFilter {
  /** Whether colours of the palette, or the foreground, background or cursor colour were set. */
  hasSetColors = false;
  /** False where nobody can draw what was below an alternate screen: then the output goes on, on a blank one. */
  canAskForScreen = true;
  private readonly options: SessionOutputFilterOptions;
  private readonly reader: SequenceReader;
  /** What was read and passes, since the call began. */
  private parts: Buffer[] = [];
  private input = Buffer.alloc(0);
  /** Begins what may be a C1 control; the next call tells. */
  private held = Buffer.alloc(0);
  private isAlternate = false;
  /** The rest of a long string does not pass. */
  private isDropping = false;
  private needsScreen = false;

  constructor(options: SessionOutputFilterOptions) {
    this.options = options;
    const listener: SequenceListener = {
      text: (from, to) => {
        if (!this.isDropping) this.pass(this.input.subarray(from, to));
      },
      began: () => undefined,
      control: (byte) => this.pass(Buffer.of(byte)),
      ended: (sequence) => this.pass(this.filtered(sequence)),
      cancelled: () => undefined,
      longString: (content) => {
        this.isDropping = !this.mayPass(content);
        if (!this.isDropping) this.pass(Buffer.concat([Buffer.from('\x1b]'), content]));
      },
      longStringEnded: () => (this.isDropping = false),
    };
    this.reader = new SequenceReader(listener);
  }

  /** Forgets an unfinished sequence: what comes next is a screen from its start. */
  restart(): void {
    this.reader.restart();
    this.held = Buffer.alloc(0);
    this.isAlternate = this.isDropping = this.needsScreen = false;
  }

  push(data: Uint8Array): FilteredOutput {
    const input = Buffer.concat([this.held, data]);
    const end = input.at(-1) === c1Lead ? input.length - 1 : input.length;
    this.held = input.subarray(end);
    this.input = input.subarray(0, end);
    this.parts = [];
    this.needsScreen = false;
    this.reader.read(this.input);
    return { data: Buffer.concat(this.parts), needsScreen: this.needsScreen };
  }

  private pass(data: Buffer): void {
    // What comes after is on the screen that is asked for.
    if (!this.needsScreen && data.length > 0) this.parts.push(data);
  }

  /** What passes in the place of a sequence. */
  private filtered(sequence: Sequence): Buffer {
    const { kind, prefix, params, intermediates, final, content, endsWithBell } = sequence;
    switch (kind) {
      case 'escape':
        if (intermediates !== '' || final !== 'c') return Buffer.from(`\x1b${intermediates}${final}`);
        this.isAlternate = false;
        return Buffer.from(this.options.resetSequence);
      case 'csi':
        return Buffer.from(this.controlSequence(sequence));
      case 'dcs':
        return Buffer.from(`\x1bP${prefix}${params}${intermediates}${final}`);
      case 'osc':
        if (!this.mayPass(content)) return Buffer.alloc(0);
        return Buffer.concat([Buffer.from('\x1b]'), content, Buffer.from(endsWithBell ? '\x07' : '')]);
    }
  }

  private controlSequence({ prefix, params, intermediates, final }: Sequence): string {
    const isPlain = prefix === '' && intermediates === '';
    const name = `${intermediates}${final}`;
    const [first = 0] = numbersOf(params);
    if (prefix === '?' && (name === 'h' || name === 'l')) return this.modes(params, name);
    // Erases what has been scrolled away, which is the person's.
    if ((isPlain || prefix === '?') && name === 'J' && first === 3) return '';
    // Moves, resizes or raises the window; or gives it another number of lines or columns.
    if (isPlain && name === 't' && ((first >= 1 && first <= 10) || first >= 24)) return '';
    if (prefix === '' && (name === '$|' || name === '*|')) return '';
    return `\x1b[${prefix}${params}${name}`;
  }

  private modes(params: string, name: 'h' | 'l'): string {
    const all = params.split(';').map((text) => ({ text, mode: Number.parseInt(text, 10) || 0 }));
    const kept = all.filter(({ mode }) => !alternateModes.has(mode) && !windowModes.has(mode));
    const others = kept.length === 0 ? '' : `\x1b[?${kept.map(({ text }) => text).join(';')}${name}`;
    const alternate = all.find(({ mode }) => alternateModes.has(mode))?.mode;
    if (alternate === undefined) return others;
    if (name === 'l' && this.isAlternate) {
      this.isAlternate = false;
      if (!this.canAskForScreen) return `${others}\x1b[2J\x1b8`;
      if (others !== '') this.pass(Buffer.from(others));
      this.needsScreen = true;
      return '';
    }
    const isEntered = name === 'h' && !this.isAlternate;
    if (isEntered) this.isAlternate = true;
    // What 1049 does beside the switch: it keeps the cursor and clears, or brings the cursor back.
    const besides = isEntered ? '\x1b7\x1b[2J' : name === 'l' && alternate === 1049 ? '\x1b8' : '';
    return others + besides;
  }

  private mayPass(content: Buffer): boolean {
    const { number, text } = splitCommand(content);
    if (isColor(number) && !text.includes('?')) this.hasSetColors = true;
    if (number === clipboard) return this.options.mayWriteClipboard && !text.endsWith('?');
    return !shellReports.has(number);
  }
}
