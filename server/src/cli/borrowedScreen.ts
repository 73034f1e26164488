import { SessionOutputFilter } from './sessionOutputFilter.ts';

/** Ends a string that was begun, so that what follows is understood. */
const endString = '\x1b\\';
/** Titles are kept on a stack by those terminals that have one. */
const [pushTitle, popTitle] = ['\x1b[22;0t', '\x1b[23;0t'];
const [enterAlternate, leaveAlternate] = ['\x1b[?1049h', '\x1b[?1049l'];
/** Palette, foreground, background, cursor, highlight: as the person has set them up. */
const defaultColors = ['104', '110', '111', '112', '117', '119'].map((number) => `\x1b]${number}${endString}`).join('');

/**
 * All that a program can have changed of a terminal, as a shell expects to find it: cursor keys, reverse video, origin,
 * margins, mouse, focus, pastes, synchronized output, insert mode, keypad, character sets, tab stops, colours of text,
 * links, the cursor's look, and keys as numbers (kitty's protocol, modifyOtherKeys).
 */
const defaultModes = [
  endString,
  '\x1b[?1;5;6;9;45;66;69;1000;1002;1003;1004;1005;1006;1015;1016;2004;2026;2031;2048l',
  '\x1b[?7;25h',
  '\x1b[4;20l\x1b[r\x1b>\x1b(B\x1b)B\x0f\x1b[?5W',
  `\x1b[0m\x1b]8;;${endString}\x1b[0 q\x1b[0"q`,
  '\x1b[<9u\x1b[>4m',
].join('');
const blankScreen = `${defaultModes}\x1b[H\x1b[2J`;

/**
 * The person's terminal while it shows a session: on its alternate screen, so that what stood there before comes back,
 * scrollback and cursor included, whatever the program has done.
 */
export class BorrowedScreen {
  private readonly write: (data: Uint8Array | string) => void;
  private readonly filter: SessionOutputFilter;
  private isEntered = false;

  /** `isReadOnly`: who only watches is given nothing beside what is to be seen. */
  constructor(write: (data: Uint8Array | string) => void, { isReadOnly }: { isReadOnly: boolean }) {
    this.write = write;
    this.filter = new SessionOutputFilter({ resetSequence: blankScreen, mayWriteClipboard: !isReadOnly });
  }

  enter(): void {
    if (!this.isEntered) this.write(pushTitle);
    this.isEntered = true;
    this.write(enterAlternate + blankScreen);
  }

  /** Shows `screen`, which brings a freshly reset terminal to what it is to show; nothing but a blank one without it. */
  show(screen: Uint8Array | undefined): void {
    this.filter.restart();
    this.filter.canAskForScreen = screen !== undefined;
    this.write(blankScreen);
    if (screen) this.write(this.filter.push(screen).data);
  }

  /** Output as the program printed it. True where its screen must be asked for, since what follows was left out. */
  output(data: Uint8Array): boolean {
    const filtered = this.filter.push(data);
    if (filtered.data.length > 0) this.write(filtered.data);
    return filtered.needsScreen;
  }

  /** Gives the terminal back as it was. Calling it again does nothing. */
  leave(): void {
    if (!this.isEntered) return;
    this.isEntered = false;
    this.write(defaultModes + (this.filter.hasSetColors ? defaultColors : '') + leaveAlternate + popTitle);
  }
}
