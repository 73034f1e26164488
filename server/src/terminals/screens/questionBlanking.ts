import { numbersOf, SequenceReader, splitCommand, type Sequence, type SequenceListener } from './sequenceReader.ts';

const enquiry = 0x05;
const cancel = 0x18;
const escape = 0x1b;
const backslash = 0x5c;

/**
 * Takes what programs ask of their terminal out of the output for a viewer that is not to answer, since another one does: an
 * answer too many stands on the command line of the shell. What is taken out becomes NULs, which terminals pass over, so
 * that every other byte keeps its offset. Of a question that was begun in the bytes before, CAN takes back what was sent.
 */
export class QuestionBlanking {
  private readonly reader: SequenceReader;
  private source: Uint8Array = new Uint8Array();
  /** Made when the first question is found. */
  private copy: Uint8Array | undefined;
  /** Where the open sequence began; negative in the bytes before. */
  private beganAt = -1;
  /** The content of a string whose head asked something. */
  private isWithinQuestion = false;
  /** The terminator of a question whose ESC is taken out already. */
  private takesTerminator = false;

  constructor() {
    const listener: SequenceListener = {
      text: (from, to) => this.text(from, to),
      began: (at) => {
        this.beganAt = at;
        this.isWithinQuestion = false;
      },
      control: () => undefined,
      ended: (sequence, to) => this.ended(sequence, to),
      cancelled: () => (this.takesTerminator = false),
      // No question is as long.
      longString: () => undefined,
      longStringEnded: () => undefined,
    };
    this.reader = new SequenceReader(listener);
  }

  /** `data` without questions, or itself where there is none. As long as it was. */
  blank(data: Uint8Array): Uint8Array {
    this.source = data;
    this.copy = undefined;
    this.beganAt = -1;
    this.reader.read(data);
    return this.result;
  }

  private get result(): Uint8Array {
    return this.copy ?? this.source;
  }

  private text(from: number, to: number): void {
    if (this.isWithinQuestion) this.erase(from, to);
    for (let at = this.source.indexOf(enquiry, from); at >= 0 && at < to; at = this.source.indexOf(enquiry, at + 1)) {
      this.erase(at, at + 1);
    }
  }

  private ended(sequence: Sequence, to: number): void {
    const isTerminator = this.takesTerminator && sequence.kind === 'escape' && sequence.final === '\\';
    this.takesTerminator = false;
    if (isTerminator) {
      // Its ESC has become the CAN that takes back the question.
      this.erase(to - 1, to);
      return;
    }
    if (!asks(sequence)) return;
    this.isWithinQuestion = sequence.kind === 'dcs';
    const from = Math.max(this.beganAt, 0);
    if (to > 0) this.erase(from, to);
    if (sequence.kind === 'csi' || sequence.kind === 'escape') this.keepControls(from, to);
    if (this.beganAt >= 0) return;
    if (to > 0) this.takeBack(to);
    else this.takeTerminator();
  }

  /** Controls in the middle of a sequence count by themselves. */
  private keepControls(from: number, to: number): void {
    for (let at = from; at < to; at++) {
      const byte = this.source[at] ?? 0;
      if (this.copy && byte < 0x20 && byte !== escape) this.copy[at] = byte;
    }
  }

  /** What was sent of the question before ends without having asked, where the question would have ended. */
  private takeBack(to: number): void {
    if (this.copy) this.copy[to - 1] = cancel;
  }

  /**
   * The bytes begin with the ESC that ends the question: without it nothing is asked. Where they end with it too, it is taken
   * for that of ST, which it is unless the program left its question open.
   */
  private takeTerminator(): void {
    const [first, second] = this.source;
    if (first !== escape || (second !== undefined && second !== backslash)) return;
    this.erase(0, 1);
    this.takeBack(1);
    this.takesTerminator = true;
  }

  private erase(from: number, to: number): void {
    this.copy ??= Uint8Array.from(this.source);
    this.copy.fill(0, from, to);
  }
}

/** Questions about the window: state, position, sizes, title. */
const windowQuestions = new Set([11, 13, 14, 15, 16, 18, 19, 20, 21]);
const colors = new Set([4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
const clipboard = 52;

/** Whether a terminal answers that: what it is and can, how it stands, where its cursor is, which colours it has. */
function asks({ kind, prefix, params, intermediates, final, content }: Sequence): boolean {
  const name = `${prefix}${intermediates}${final}`;
  switch (kind) {
    case 'escape':
      return name === 'Z';
    case 'csi':
      if (name === 't') return windowQuestions.has(numbersOf(params)[0] ?? 0);
      return ['c', '>c', '=c', 'n', '?n', '>q', '$p', '?$p', '?u', '?m', '?S', 'x', '$w', '*y', '&u'].includes(name);
    case 'dcs':
      return name === '$q' || name === '+q';
    case 'osc': {
      const { number, text } = splitCommand(content);
      return (colors.has(number) && text.includes('?')) || (number === clipboard && text.endsWith('?'));
    }
  }
}
