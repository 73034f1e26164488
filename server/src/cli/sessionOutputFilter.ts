const escape = 0x1b;
const bell = 0x07;
const cancel = 0x18;
const substitute = 0x1a;
/** Longest sequence that is held until its end has come; what is longer passes as it is. */
const maxHeldBytes = 16_384;
/** Modes that switch to the alternate screen: the person's terminal is on it already, and must stay there. */
const alternateModes = new Set(['47', '1047', '1049']);
/** Modes that change the width of the person's window, or allow it. */
const windowModes = new Set(['3', '40']);
/** Reports of the shell to the terminal it believes to be in: its folder, and where its commands begin and end. */
const shellReports = new Set(['7', '133', '633']);

/** What the output did that has to be undone, or made good, from outside. */
export interface FilteredOutput {
  readonly data: Buffer;
  /** The program has left its alternate screen, and what was below can only be drawn anew. What follows is left out. */
  readonly needsScreen: boolean;
}

interface Sequence {
  readonly length: number;
  readonly replacement: Buffer | undefined;
  readonly endsAlternate?: true;
}

/**
 * Output of a terminal session on its way to a person's terminal that shows it on the alternate screen, as a guest: what
 * would leave that screen, erase the person's scrollback, resize the window or pass for their own shell's reports is
 * taken out or replaced. All else passes untouched, byte for byte.
 */
export class SessionOutputFilter {
  /** Whether colours of the palette, or the foreground, background or cursor colour were set. */
  hasSetColors = false;
  /** False where nobody can draw what was below an alternate screen: then the output goes on, on a blank one. */
  canAskForScreen = true;
  private readonly resetSequence: Buffer;
  private held: Buffer = Buffer.alloc(0);
  private isAlternate = false;

  /** `resetSequence` stands in for a full reset, which would also leave the alternate screen. */
  constructor(resetSequence: string) {
    this.resetSequence = Buffer.from(resetSequence);
  }

  /** Forgets an unfinished sequence: what comes next is a screen from its start. */
  restart(): void {
    this.held = Buffer.alloc(0);
    this.isAlternate = false;
  }

  push(data: Uint8Array): FilteredOutput {
    const input = this.held.length === 0 ? Buffer.from(data) : Buffer.concat([this.held, data]);
    this.held = Buffer.alloc(0);
    const parts: Buffer[] = [];
    let plainFrom = 0;
    for (let at = input.indexOf(escape); at !== -1;) {
      const sequence = this.sequenceAt(input, at);
      if (!sequence) {
        parts.push(input.subarray(plainFrom, at));
        this.held = Buffer.from(input.subarray(at));
        return { data: Buffer.concat(parts), needsScreen: false };
      }
      const end = at + sequence.length;
      if (sequence.replacement) {
        parts.push(input.subarray(plainFrom, at), sequence.replacement);
        plainFrom = end;
      }
      if (sequence.endsAlternate) return { data: Buffer.concat(parts), needsScreen: true };
      at = input.indexOf(escape, end);
    }
    parts.push(input.subarray(plainFrom));
    return { data: Buffer.concat(parts), needsScreen: false };
  }

  /** The sequence that begins at `at`, or undefined where its end has not come yet. */
  private sequenceAt(input: Buffer, at: number): Sequence | undefined {
    const sequence = this.parse(input, at);
    if (sequence || input.length - at <= maxHeldBytes) return sequence;
    return { length: 2, replacement: undefined };
  }

  private parse(input: Buffer, at: number): Sequence | undefined {
    switch (input[at + 1]) {
      case undefined:
        return undefined;
      case 0x5b: // [
        return this.controlSequence(input, at);
      case 0x5d: // ]
        return this.systemCommand(input, at);
      case 0x63: // c
        this.isAlternate = false;
        return { length: 2, replacement: this.resetSequence };
      default:
        return { length: 1, replacement: undefined };
    }
  }

  private controlSequence(input: Buffer, at: number): Sequence | undefined {
    let end = at + 2;
    for (let byte = input[end]; byte !== undefined && byte >= 0x20 && byte < 0x40;) byte = input[++end];
    const final = input[end];
    if (final === undefined) return undefined;
    // A control in the middle of a sequence: of no use to tell what the terminal makes of it.
    if (final < 0x40 || final > 0x7e) return { length: end - at, replacement: undefined };
    const length = end + 1 - at;
    const params = input.toString('latin1', at + 2, end);
    const name = String.fromCharCode(final);
    if ((name === 'h' || name === 'l') && params.startsWith('?')) return this.modes(params.slice(1), name, length);
    const isDropped =
      (name === 'J' && /^\??0*3$/.test(params)) || (name === 't' && /^0*(?:[1-9]|10)(?:;|$)/.test(params));
    return { length, replacement: isDropped ? Buffer.alloc(0) : undefined };
  }

  private modes(params: string, name: 'h' | 'l', length: number): Sequence {
    const all = params.split(';');
    const kept = all.filter((mode) => !alternateModes.has(mode) && !windowModes.has(mode));
    if (kept.length === all.length) return { length, replacement: undefined };
    const others = kept.length === 0 ? '' : `\x1b[?${kept.join(';')}${name}`;
    const alternate = all.find((mode) => alternateModes.has(mode));
    if (alternate === undefined) return { length, replacement: Buffer.from(others) };
    if (name === 'l' && this.isAlternate) {
      this.isAlternate = false;
      if (!this.canAskForScreen) return { length, replacement: Buffer.from(`${others}\x1b[2J\x1b8`) };
      return { length, replacement: Buffer.from(others), endsAlternate: true };
    }
    const isEntered = name === 'h' && !this.isAlternate;
    if (isEntered) this.isAlternate = true;
    // What 1049 does beside the switch: it keeps the cursor and clears, or brings the cursor back.
    const besides = isEntered ? '\x1b7\x1b[2J' : name === 'l' && alternate === '1049' ? '\x1b8' : '';
    return { length, replacement: Buffer.from(others + besides) };
  }

  private systemCommand(input: Buffer, at: number): Sequence | undefined {
    let end = at + 2;
    while (end < input.length && !isStringEnd(input[end])) end++;
    const last = input[end];
    if (last === undefined || (last === escape && end + 1 === input.length)) return undefined;
    const hasTerminator = last === escape && input[end + 1] === 0x5c;
    const length = (last === escape ? (hasTerminator ? end + 2 : end) : end + 1) - at;
    const text = input.toString('latin1', at + 2, end);
    const number = text.split(';', 1)[0] ?? '';
    if (/^(?:[45]|1\d)$/.test(number) && !text.includes('?')) this.hasSetColors = true;
    return { length, replacement: shellReports.has(number) ? Buffer.alloc(0) : undefined };
  }
}

function isStringEnd(byte: number | undefined): boolean {
  return byte === bell || byte === escape || byte === cancel || byte === substitute;
}
