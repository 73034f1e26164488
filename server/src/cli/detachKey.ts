import { InvalidArgumentError } from 'commander';

/** Named as on the keyboard: Ctrl with a letter, or with one of these. */
const otherKeys = '@[\\]^_';
const pasteStart = Buffer.from('\x1b[200~');
const pasteEnd = Buffer.from('\x1b[201~');

/** The key that ends an attachment, in all the ways in which a terminal may send it. */
export class DetachKey {
  /** `Ctrl-\`, for messages. */
  readonly name: string;
  private readonly forms: readonly Buffer[];
  /** The last bytes of the paste that goes on; undefined where none does. */
  private pasted: Buffer | undefined;

  /** Takes `ctrl-\`, `Ctrl+A`, `^]` and the like. Throws commander's `InvalidArgumentError` for anything else. */
  static parse(text: string): DetachKey {
    const key = /^(?:ctrl[-+]|\^)([a-z@[\\\]^_])$/i.exec(text)?.[1]?.toUpperCase();
    if (key !== undefined) return new DetachKey(key);
    throw new InvalidArgumentError(`Name Ctrl with a letter or one of ${otherKeys}, such as "ctrl-]".`);
  }

  private constructor(key: string) {
    this.name = `Ctrl-${key}`;
    const code = key.toLowerCase().charCodeAt(0);
    this.forms = [
      Buffer.of(key.charCodeAt(0) & 0x1f),
      // Programs may ask for keys as numbers with modifiers: kitty's protocol, and xterm's modifyOtherKeys.
      Buffer.from(`\x1b[${code};5u`),
      Buffer.from(`\x1b[27;5;${code}~`),
    ];
  }

  /** Where in `input` the key stands first, or -1. What is pasted is no key, whatever it holds. */
  find(input: Buffer): number {
    // A read that is nothing but the key is a key press, even where the end of a paste was never told.
    if (this.forms.some((form) => form.equals(input))) return 0;
    let from = this.pasted === undefined ? 0 : this.endOfPaste(input, 0);
    while (from !== -1) {
      const start = input.indexOf(pasteStart, from);
      const found = this.firstForm(start === -1 ? input : input.subarray(0, start), from);
      if (found !== -1 || start === -1) return found;
      this.pasted = Buffer.alloc(0);
      from = this.endOfPaste(input, start + pasteStart.length);
    }
    return -1;
  }

  /** Where the paste is over that goes on at `from`, or -1 where it goes on in the next read. */
  private endOfPaste(input: Buffer, from: number): number {
    const before = this.pasted ?? Buffer.alloc(0);
    const text = Buffer.concat([before, input.subarray(from)]);
    const end = text.indexOf(pasteEnd);
    // Its end may be cut in two by the boundary of a read.
    this.pasted = end === -1 ? text.subarray(1 - pasteEnd.length) : undefined;
    return end === -1 ? -1 : from + end + pasteEnd.length - before.length;
  }

  private firstForm(input: Buffer, from: number): number {
    const places = this.forms.map((form) => input.indexOf(form, from)).filter((place) => place !== -1);
    return places.length === 0 ? -1 : Math.min(...places);
  }
}
