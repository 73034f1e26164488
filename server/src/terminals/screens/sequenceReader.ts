const escape = 0x1b;
const bell = 0x07;
const cancel = 0x18;
const substitute = 0x1a;
const deleted = 0x7f;
/** The first byte of a C1 control in UTF-8. Such a control means the same as ESC and the byte 0x40 below. */
const c1Lead = 0xc2;

/** Most that is kept of a string. What is longer is told of as it comes. */
export const maxStringBytes = 16_384;
/** Most that is kept of a sequence's parameters; nobody sends as many. */
const maxParamChars = 1_024;

/** A control sequence that is complete, without what does not belong to it: controls in its middle, deleted characters. */
export interface Sequence {
  /** `dcs`: only its head; its content follows as text, up to the next sequence. */
  readonly kind: 'escape' | 'csi' | 'dcs' | 'osc';
  /** One of `<=>?`, or nothing. */
  readonly prefix: string;
  /** Digits, `;` and `:`. Of an `osc` nothing. */
  readonly params: string;
  readonly intermediates: string;
  readonly final: string;
  /** Of an `osc`: its content, at most 16 KiB. */
  readonly content: Buffer;
  /** How an `osc` has ended: by its own BEL, or by the next sequence, which is mostly ST. */
  readonly endsWithBell: boolean;
}

/** What a reader finds, in its order. Places are those in the bytes that are being read. */
export interface SequenceListener {
  /** Text, single controls, the content of strings: nothing that a sequence begins with stands there. */
  text(from: number, to: number): void;
  /** A sequence begins. Negative where its first byte stood in the bytes read before. */
  began(at: number): void;
  /** A control stands in the middle of a sequence, which a terminal obeys at once. */
  control(byte: number): void;
  /** What began last is complete. `to` is where it ends. */
  ended(sequence: Sequence, to: number): void;
  /** What began last will not be completed; the byte that ended it comes as text. */
  cancelled(): void;
  /** An OSC has become too long to be kept: what has come so far. The rest comes as text, its end as `longStringEnded`. */
  longString(content: Buffer): void;
  longStringEnded(): void;
}

/**
 * Reads terminal output as the VT500 parser does that terminals follow (xterm.js as well): controls in the middle of a sequence
 * count by themselves, ESC begins anew from everywhere, C1 controls are understood as UTF-8 writes them. Bytes may be cut
 * anywhere.
 */
export class SequenceReader {
  private readonly listener: SequenceListener;
  private state: 'ground' | 'escape' | 'csi' | 'dcs' | 'osc' | 'longString' = 'ground';
  /** The bytes before ended with what may be the first half of a C1 control. */
  private hasLead = false;
  private prefix = '';
  private params = '';
  private intermediates = '';
  private content: number[] = [];
  /** Such a sequence has no meaning: parameters stand where none may, or are too long. */
  private isMalformed = false;

  constructor(listener: SequenceListener) {
    this.listener = listener;
  }

  /** Forgets an unfinished sequence. */
  restart(): void {
    this.state = 'ground';
    this.hasLead = false;
  }

  /**
   * Reads the bytes that follow those of the call before. Where they end with the first byte of what may be a C1 control,
   * that byte has been told of as text when the control begins: who minds holds it back for the next call.
   */
  read(bytes: Uint8Array): void {
    let at = 0;
    if (this.hasLead && bytes.length > 0) {
      this.hasLead = false;
      const byte = bytes[0] ?? 0;
      if (isC1(byte)) {
        this.begin(-1, byte - 0x40, 1);
        at = 1;
      }
    }
    while (at < bytes.length) {
      const byte = bytes[at] ?? 0;
      const next = bytes[at + 1];
      if (byte === escape) this.begin(at, undefined, at + 1);
      else if (byte === c1Lead && next !== undefined && isC1(next)) {
        this.begin(at, next - 0x40, at + 2);
        at++;
      } else if (this.state === 'ground' || this.state === 'longString') {
        at = this.readText(bytes, at);
        continue;
      } else this.take(byte, at);
      at++;
    }
    this.hasLead = bytes.at(-1) === c1Lead;
  }

  /** Up to what may begin a sequence, or ends the string. Answers where to go on. */
  private readText(bytes: Uint8Array, from: number): number {
    const isString = this.state === 'longString';
    let to = from;
    for (let byte = bytes[to]; byte !== undefined; byte = bytes[++to]) {
      if (byte === escape || (byte === c1Lead && isC1(bytes[to + 1] ?? 0))) break;
      if (isString && (byte === bell || byte === cancel || byte === substitute)) {
        this.listener.text(from, to + 1);
        this.endLongString();
        return to + 1;
      }
    }
    if (to > from) this.listener.text(from, to);
    return to;
  }

  /** ESC, alone or, for a C1 control, with the `final` byte after it. It ends what was there before. */
  private begin(at: number, final: number | undefined, to: number): void {
    if (this.state === 'osc') this.endString(false, Math.max(at, 0));
    else if (this.state === 'longString') this.endLongString();
    else if (this.state !== 'ground') this.listener.cancelled();
    this.state = 'escape';
    this.prefix = this.params = this.intermediates = '';
    this.isMalformed = false;
    this.content = [];
    this.listener.began(at);
    if (final !== undefined) this.takeFinal(final, to);
  }

  /** A byte within a sequence. */
  private take(byte: number, at: number): void {
    if (this.state === 'osc') this.takeContent(byte, at);
    else if (byte === cancel || byte === substitute || byte >= 0x80) this.giveUp(at);
    else if (byte < 0x20) this.listener.control(byte);
    else if (byte === deleted) return;
    else if (this.state === 'escape') this.takeEscape(byte, at);
    else this.takeParameter(byte, at);
  }

  private takeEscape(byte: number, at: number): void {
    if (byte < 0x30) this.collect(byte);
    else this.takeFinal(byte, at + 1);
  }

  /** The byte that says what the escape sequence is. */
  private takeFinal(byte: number, to: number): void {
    if (this.intermediates === '' && byte === 0x5b) this.state = 'csi';
    else if (this.intermediates === '' && byte === 0x50) this.state = 'dcs';
    else if (this.intermediates === '' && byte === 0x5d) this.state = 'osc';
    else this.end({ kind: 'escape', final: byte }, to);
  }

  private takeParameter(byte: number, at: number): void {
    if (byte >= 0x40) this.end({ kind: this.state === 'dcs' ? 'dcs' : 'csi', final: byte }, at + 1);
    else if (byte < 0x30) this.collect(byte);
    else if (this.intermediates !== '') this.isMalformed = true;
    else if (byte < 0x3c) this.params += String.fromCharCode(byte);
    else if (this.prefix === '' && this.params === '') this.prefix = String.fromCharCode(byte);
    else this.isMalformed = true;
    if (this.params.length > maxParamChars) this.isMalformed = true;
    if (this.isMalformed) this.params = '';
  }

  private collect(byte: number): void {
    if (this.intermediates.length < 8) this.intermediates += String.fromCharCode(byte);
    else this.isMalformed = true;
  }

  private takeContent(byte: number, at: number): void {
    if (byte === cancel || byte === substitute) this.giveUp(at);
    else if (byte === bell) this.endString(true, at + 1);
    // A terminal passes over controls there, and has none of them in what it understands.
    else if (byte >= 0x20) this.content.push(byte);
    if (this.content.length <= maxStringBytes) return;
    this.state = 'longString';
    this.listener.longString(Buffer.from(this.content));
    this.content = [];
  }

  private endString(endsWithBell: boolean, to: number): void {
    const content = Buffer.from(this.content);
    this.content = [];
    this.end({ kind: 'osc', final: 0, content, endsWithBell }, to);
  }

  private endLongString(): void {
    this.state = 'ground';
    this.listener.longStringEnded();
  }

  private end(
    what: { kind: Sequence['kind']; final: number; content?: Buffer; endsWithBell?: boolean },
    to: number,
  ): void {
    const { kind, final, content = Buffer.alloc(0), endsWithBell = false } = what;
    const { prefix, params, intermediates, isMalformed } = this;
    this.state = 'ground';
    if (isMalformed && kind === 'csi') {
      this.listener.cancelled();
      return;
    }
    if (isMalformed && kind === 'dcs') {
      // Its content means nothing either: a string that terminals pass over.
      const nothing = { prefix: '', params: '', intermediates: '', content, endsWithBell };
      this.listener.ended({ kind: 'escape', final: 'X', ...nothing }, to);
      return;
    }
    this.listener.ended(
      {
        kind,
        prefix,
        params,
        intermediates,
        final: kind === 'osc' ? '' : String.fromCharCode(final),
        content,
        endsWithBell,
      },
      to,
    );
  }

  /** The byte at `at` ends the sequence without completing it. */
  private giveUp(at: number): void {
    this.state = 'ground';
    this.content = [];
    this.listener.cancelled();
    this.listener.text(at, at + 1);
  }
}

function isC1(byte: number): boolean {
  return byte >= 0x80 && byte < 0xa0;
}

/** The numbers of parameters, each without its parts after a `:`; 0 where one is left out. */
export function numbersOf(params: string): number[] {
  return params.split(';').map((param) => Number.parseInt(param, 10) || 0);
}

/** The number that an OSC begins with, and what follows its `;`. NaN where it begins with none. */
export function splitCommand(content: Buffer): { readonly number: number; readonly text: string } {
  const text = content.toString('latin1');
  const [, digits = '', rest = ''] = /^(\d*)(?:;([^]*))?$/.exec(text) ?? [];
  return { number: digits === '' ? NaN : Number(digits), text: rest };
}
