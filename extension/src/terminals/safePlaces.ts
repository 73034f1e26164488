const escape = 0x1b;
const bell = 0x07;
// eslint-disable-next-line no-control-regex -- controls are what it looks for.
const control = /[\x00-\x1f\u0080-\u009f]/g;

/**
 * Finds places in terminal output where something may be put in between: not within a sequence, and not after a character,
 * which what follows may join or repeat. Output may be cut anywhere.
 */
export class SafePlaces {
  private state: 'ground' | 'escape' | 'sequence' | 'command' | 'string' = 'ground';

  /** Where the last safe place in `text` is, which follows what was given before; undefined where it has none. */
  last(text: string): number | undefined {
    let last: number | undefined;
    for (let at = 0; at < text.length; at++) {
      if (this.state === 'ground') {
        // Characters are passed over as a whole.
        control.lastIndex = at;
        at = control.exec(text)?.index ?? text.length;
        if (at === text.length) break;
      }
      const code = text.charCodeAt(at);
      this.read(code);
      // A character that breaks a sequence off may be shown.
      if (this.state === 'ground' && code < 0xa0) last = at + 1;
    }
    return last;
  }

  private read(code: number): void {
    if (code === escape) this.state = 'escape';
    else if (code === 0x18 || code === 0x1a) this.state = 'ground';
    else if (code >= 0x80 && code < 0xa0) this.begin(code - 0x40);
    else if (this.state === 'escape' && code >= 0x30 && code < 0x7f) this.begin(code);
    else if (this.state === 'escape' && code >= 0xa0) this.state = 'ground';
    else if (this.state === 'command' && code === bell) this.state = 'ground';
    else if (this.state === 'sequence' && code >= 0x40 && code !== 0x7f) this.state = 'ground';
  }

  /** What comes after ESC, or is a C1 control. */
  private begin(code: number): void {
    if (code === 0x5b) this.state = 'sequence';
    else if (code === 0x5d) this.state = 'command';
    else if (code === 0x50 || code === 0x58 || code === 0x5e || code === 0x5f) this.state = 'string';
    else this.state = 'ground';
  }
}
