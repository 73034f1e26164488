import { numbersOf, SequenceReader, type Sequence, type SequenceListener } from '../screens/sequenceReader.ts';

/** The widest terminal that there can be: to a column further to the right no program gets. */
const maxColumns = 1_000;

/**
 * Terminal output as a person would read it on paper: colours gone, a line that a spinner or a progress bar wrote over
 * and over given once as it was at last, backspaces applied. Works line by line and keeps no screen, so a full-screen
 * program's output stays a rough text. Takes a time that grows with the length of `output`, and answers at most twice as
 * many characters and 1,000 more, whatever stands in it.
 */
export function plainText(output: string): string {
  const line = new PlainLine(Math.max(maxColumns, output.length));
  return output
    .split('\n')
    .map((text) => line.read(text))
    .join('\n');
}

/** One line after the other, as a row of cells in which a cursor moves. What a sequence leaves open ends with its line. */
class PlainLine {
  private readonly reader: SequenceReader;
  private bytes = Buffer.alloc(0);
  private cells: string[] = [];
  private column = 0;
  /** Up to this column every cell is blank. */
  private blankTo = 0;
  /** Of a string that is meant for the terminal (DCS, APC and the like, a long OSC) nothing is shown. */
  private isInString = false;
  /** Cells that may still be filled because the cursor jumped over them. */
  private jumpedLeft: number;
  /** Text that was read and not yet written: a character may come in two parts. */
  private textFrom = 0;
  private textTo = 0;

  constructor(maxJumped: number) {
    this.jumpedLeft = maxJumped;
    const listener: SequenceListener = {
      text: (from, to) => {
        if (from !== this.textTo) this.writeText();
        if (this.textFrom === this.textTo) this.textFrom = from;
        this.textTo = to;
      },
      began: () => {
        this.writeText();
        this.isInString = false;
      },
      control: (byte) => this.write(String.fromCharCode(byte)),
      ended: (sequence) => this.obey(sequence),
      cancelled: () => undefined,
      longString: () => (this.isInString = true),
      longStringEnded: () => {
        this.writeText();
        this.isInString = false;
      },
    };
    this.reader = new SequenceReader(listener);
  }

  /** A line of output without its line feed, as it was at last. */
  read(text: string): string {
    this.reader.restart();
    this.bytes = Buffer.from(text);
    this.cells = [];
    this.column = this.blankTo = this.textFrom = this.textTo = 0;
    this.isInString = false;
    this.reader.read(this.bytes);
    this.writeText();
    return this.cells.join('').trimEnd();
  }

  private writeText(): void {
    const text = this.bytes.toString('utf8', this.textFrom, this.textTo);
    this.textFrom = this.textTo;
    for (const character of text) this.write(character);
  }

  private write(character: string): void {
    if (character === '\x18' || character === '\x1a') this.isInString = false;
    else if (this.isInString) return;
    else if (character === '\r') this.column = 0;
    else if (character === '\b') this.column = Math.max(0, this.column - 1);
    else if (character === '\t' || !isControl(character)) this.put(character);
  }

  private put(character: string): void {
    for (; this.cells.length < this.column && this.jumpedLeft > 0; this.jumpedLeft--) this.cells.push(' ');
    this.column = Math.min(this.column, this.cells.length);
    this.blankTo = Math.min(this.blankTo, this.column);
    this.cells[this.column++] = character;
  }

  /** What moves within a line: "cursor to column" and "erase in line" of ECMA-48. The rest is how text looks. */
  private obey({ kind, prefix, params, intermediates, final }: Sequence): void {
    this.isInString = kind === 'dcs' || (kind === 'escape' && intermediates === '' && ['X', '^', '_'].includes(final));
    if (kind !== 'csi' || prefix !== '' || intermediates !== '') return;
    const [first = 0] = numbersOf(params);
    if (final === 'G') this.column = Math.min(Math.max(1, first), maxColumns) - 1;
    else if (final === 'K') this.erase(first);
  }

  /** `2` erases the whole line, `1` up to the cursor, anything else from the cursor on. */
  private erase(what: number): void {
    if (what === 1) {
      this.cells.fill(' ', this.blankTo, this.column + 1);
      this.blankTo = Math.max(this.blankTo, this.column + 1);
    } else this.cells.length = what === 2 ? 0 : Math.min(this.column, this.cells.length);
  }
}

function isControl(character: string): boolean {
  const code = character.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}
