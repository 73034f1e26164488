/** Longest sequence that can be a mark. What is longer is no mark, however it ends. */
export const maxMarkBytes = 8_192;

const escape = 0x1b;
const bell = 0x07;
const backslash = 0x5c;
const introducer = Buffer.from('\x1b]', 'latin1');

/** A sequence that ended with the secret, without introducer, terminator and secret. */
export interface FoundMark {
  readonly offset: number;
  readonly endOffset: number;
  readonly text: string;
}

/**
 * Finds OSC sequences (ECMA-48, 8.3.89: `ESC ]` to BEL or to `ESC \`) whose last field is a secret, in output that
 * arrives cut anywhere. Between sequences it costs one native search a chunk.
 */
export class MarkScanner {
  private readonly suffix: Buffer;
  private readonly found: (mark: FoundMark) => void;
  /** Bytes of the sequence so far, introducer included; undefined outside of one. */
  private open: Buffer | undefined;
  private openOffset = 0;

  constructor(secret: string, found: (mark: FoundMark) => void) {
    this.suffix = Buffer.from(`;${secret}`, 'latin1');
    this.found = found;
  }

  /** Reads the bytes that stand from `offset` on. They follow those of the call before. */
  push(data: Buffer, offset: number): void {
    let at = 0;
    while (at < data.length) {
      if (this.open) at = this.readOn(this.open, data, at, offset);
      else at = this.begin(data, at, offset);
    }
  }

  /** Looks for the next introducer; it may be cut by the end of the chunk. */
  private begin(data: Buffer, from: number, offset: number): number {
    let at = data.indexOf(introducer, from);
    if (at < 0 && data.at(-1) === escape) at = data.length - 1;
    if (at < 0) return data.length;
    const length = Math.min(introducer.length, data.length - at);
    this.open = Buffer.from(data.subarray(at, at + length));
    this.openOffset = offset + at;
    return at + length;
  }

  private readOn(open: Buffer, data: Buffer, from: number, offset: number): number {
    if (open.length === 1) {
      // Only the ESC has come so far, and what follows it decides.
      const isIntroducer = data[from] === introducer[1];
      this.open = isIntroducer ? introducer : undefined;
      return isIntroducer ? from + 1 : from;
    }
    if (open.at(-1) === escape) {
      const isEnd = data[from] === backslash;
      this.open = undefined;
      if (isEnd) this.close(open.subarray(0, -1), offset + from + 1);
      // Any other sequence breaks this one off, and its ESC is looked at again.
      else if (data[from] === introducer[1]) return this.restart(offset + from - 1, from + 1);
      return isEnd ? from + 1 : from;
    }
    const end = endOf(data, from);
    const piece = data.subarray(from, end < 0 ? data.length : end);
    if (open.length + piece.length > maxMarkBytes) {
      this.open = undefined;
      return from + Math.max(piece.length, 1);
    }
    const whole = piece.length === 0 ? open : Buffer.concat([open, piece]);
    if (end < 0) {
      this.open = whole;
      return data.length;
    }
    if (data[end] === escape) {
      this.open = Buffer.concat([whole, data.subarray(end, end + 1)]);
      return end + 1;
    }
    this.open = undefined;
    this.close(whole, offset + end + 1);
    return end + 1;
  }

  private restart(openOffset: number, at: number): number {
    this.open = introducer;
    this.openOffset = openOffset;
    return at;
  }

  private close(sequence: Buffer, endOffset: number): void {
    const body = sequence.subarray(introducer.length);
    if (body.length < this.suffix.length || !body.subarray(-this.suffix.length).equals(this.suffix)) return;
    const text = body.subarray(0, body.length - this.suffix.length).toString('utf8');
    this.found({ offset: this.openOffset, endOffset, text });
  }
}

/** Where the sequence may end: the first BEL or ESC at or after `from`; -1 where there is none. */
function endOf(data: Buffer, from: number): number {
  const bellAt = data.indexOf(bell, from);
  const escapeAt = data.subarray(from, bellAt < 0 ? data.length : bellAt).indexOf(escape);
  return escapeAt < 0 ? bellAt : from + escapeAt;
}
