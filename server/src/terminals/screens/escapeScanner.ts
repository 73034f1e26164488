const esc = 0x1b;

/**
 * Reads terminal output only as far as is needed to know where it can be cut so that what comes before and what comes
 * after can be given to two terminals: between sequences, and between characters that cannot join one another into one
 * cell. Follows the states of the VT500 parser, with C1 controls as UTF-8 writes them.
 */
export class EscapeScanner {
  private state: 'ground' | 'escape' | 'sequence' | 'osc' | 'string' = 'ground';
  /** Continuation bytes of a UTF-8 character that are still to come. */
  private missingBytes = 0;
  /** Whether the byte before was the C2 with which the C1 controls begin. */
  private mayBeC1 = false;
  /** Whether what came before joins nothing: a printable ASCII character, or something that prints nothing. */
  private joinsNothing = true;
  private offset = 0;
  private cut = 0;

  /** The last place to cut; at most a few characters before the end, unless a sequence is unfinished. */
  get safeOffset(): number {
    return this.cut;
  }

  /** Bytes seen so far. */
  get endOffset(): number {
    return this.offset;
  }

  /** The string within which the output ends (OSC; or DCS, APC and the like), which may go on for long. */
  get openString(): 'osc' | 'string' | undefined {
    return this.state === 'osc' || this.state === 'string' ? this.state : undefined;
  }

  scan(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.missingBytes > 0 && (byte & 0xc0) === 0x80) this.continuation(byte);
      else if (byte >= 0x80) this.lead(byte);
      else this.ascii(byte);
      this.offset++;
    }
  }

  /** Something other than output happened here, such as a resize: a place to cut, unless a sequence is unfinished. */
  interrupt(): void {
    if (this.state === 'ground' && this.missingBytes === 0) this.complete(this.offset);
  }

  private ascii(byte: number): void {
    this.missingBytes = 0;
    if (byte === esc) this.state = 'escape';
    // CAN and SUB end everything.
    else if (byte === 0x18 || byte === 0x1a) this.complete(this.offset + 1);
    else if (this.state === 'ground') this.plain(byte);
    else if (this.state === 'escape') this.afterEscape(byte);
    else if (this.state === 'osc' && byte === 0x07) this.complete(this.offset + 1);
    else if (this.state === 'sequence' && byte >= 0x40 && byte < 0x7f) this.complete(this.offset + 1);
  }

  private plain(byte: number): void {
    if (byte < 0x20 || byte === 0x7f) {
      this.complete(this.offset + 1);
      return;
    }
    // The character itself stays behind the cut, since what follows may join it or repeat it.
    if (this.joinsNothing) this.cut = this.offset;
    this.joinsNothing = true;
  }

  private afterEscape(byte: number): void {
    if (byte === 0x5b) this.state = 'sequence';
    else if (byte === 0x5d) this.state = 'osc';
    else if (byte === 0x50 || byte === 0x58 || byte === 0x5e || byte === 0x5f) this.state = 'string';
    // What is below are intermediates, after which the final byte is still to come, and controls.
    else if (byte >= 0x30 && byte < 0x7f) this.complete(this.offset + 1);
  }

  private lead(byte: number): void {
    this.missingBytes = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
    this.mayBeC1 = byte === 0xc2;
    if (this.state === 'ground') this.joinsNothing = false;
  }

  private continuation(byte: number): void {
    this.missingBytes--;
    if (this.mayBeC1 && byte < 0xa0) this.c1(byte);
    // Within a sequence such a character is a mistake, which ends it.
    else if (this.missingBytes === 0 && (this.state === 'escape' || this.state === 'sequence'))
      this.complete(this.offset + 1);
    this.mayBeC1 = false;
  }

  /** Acts in every state; ST (9C) ends a string like any other control does. */
  private c1(byte: number): void {
    if (byte === 0x9b) this.state = 'sequence';
    else if (byte === 0x9d) this.state = 'osc';
    else if (byte === 0x90 || byte === 0x98 || byte === 0x9e || byte === 0x9f) this.state = 'string';
    else this.complete(this.offset + 1);
  }

  private complete(at: number): void {
    this.state = 'ground';
    this.missingBytes = 0;
    this.joinsNothing = true;
    this.cut = at;
  }
}
