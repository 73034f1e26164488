import { EscapeScanner } from './escapeScanner.ts';
import type { ScreenCheckpoint } from './screenCheckpoint.ts';
import { screenReplay } from './screenReplay.ts';
import { ScreenTerminal, type TerminalSize } from './screenTerminal.ts';
import { screenText } from './screenText.ts';

/** Output that was written for one size; a size may have none. */
export interface ScreenPiece extends TerminalSize {
  readonly bytes: Uint8Array;
}

/** A screen to compute. Everything in it can be sent to a worker thread. */
export interface ScreenJob {
  /** Where to start from; nothing: a blank screen. */
  readonly checkpoint: ScreenCheckpoint | undefined;
  /** Bytes between the checkpoint and the pieces are missing, or before the pieces where there is no checkpoint. */
  readonly hasHole: boolean;
  /** In order, at least one; the last one has the size of the result. */
  readonly pieces: readonly ScreenPiece[];
  /** Lines above the screen that the result holds at most. */
  readonly scrollbackLines: number;
  /** Bytes that the replay may have; lines above the screen are left out until it fits. */
  readonly maxReplayBytes: number;
  /** What is wanted: `text` is cheaper. */
  readonly want: 'replay' | 'text';
}

export interface ComputedScreen extends TerminalSize {
  /** Bytes at the end of the pieces that the replay does not hold, since they have no end yet. They come after it. */
  readonly unfinishedBytes: number;
  /** Brings a freshly reset terminal of this size to the screen. Empty where only text is wanted. */
  readonly replay: Uint8Array;
  readonly text: string;
  /** Counting from 0. */
  readonly cursor: { readonly row: number; readonly col: number };
  readonly isAlternate: boolean;
  readonly title: string;
}

/** A sequence that is longer than this when its end has not come is given up. */
const maxUnfinishedBytes = 65_536;
/** Where a sequence may begin in the middle of output: far enough to pass over a cut one, near enough to lose little. */
const safeStartBytes = 8_192;
const maxTries = 5;
/** Lines that come back onto the screen when it grows. */
const minScrollbackLines = 200;

/** Computes a screen; takes about 70 ms for each MB of output. */
export async function computeScreen(job: ScreenJob): Promise<ComputedScreen> {
  const first = job.pieces[0];
  if (!first) throw new Error('A screen needs at least one piece of output.');
  const { checkpoint } = job;
  const screen = new ScreenTerminal(checkpoint ?? first, Math.max(job.scrollbackLines, minScrollbackLines));
  try {
    const scanner = new EscapeScanner();
    if (checkpoint) {
      scanner.scan(checkpoint.replay);
      await screen.write(checkpoint.replay);
    }
    const unfinished = await feed(screen, scanner, job);
    const replay = job.want === 'replay' ? replayThatFits(screen, job) : '';
    const bytes = Buffer.from(replay + unfinished.opener, 'utf8');
    await screen.write(unfinished.bytes);
    const { active } = screen;
    const { cols, rows } = screen.terminal;
    return {
      cols,
      rows,
      unfinishedBytes: unfinished.bytes.length,
      replay: new Uint8Array(bytes),
      text: job.want === 'text' ? screenText(screen, job.scrollbackLines) : '',
      cursor: { row: active.y, col: Math.min(active.x, cols - 1) },
      isAlternate: screen.isAlternate,
      title: screen.title,
    };
  } finally {
    screen.dispose();
  }
}

/** Takes in everything up to the last place where output can be cut, and gives the rest. */
async function feed(screen: ScreenTerminal, scanner: EscapeScanner, job: ScreenJob) {
  let bytes: Uint8Array = new Uint8Array();
  let start = 0;
  for (const [index, piece] of job.pieces.entries()) {
    await screen.write(bytes);
    screen.resize(piece);
    scanner.interrupt();
    const skipped = index === 0 && job.hasHole ? safeStart(piece.bytes) : 0;
    // CAN ends whatever was unfinished before the hole.
    bytes = skipped > 0 || (index === 0 && job.hasHole) ? afterCancel(piece.bytes.subarray(skipped)) : piece.bytes;
    start = scanner.endOffset;
    scanner.scan(bytes);
  }
  const cut = Math.max(0, scanner.safeOffset - start);
  const isTooLong = scanner.endOffset - scanner.safeOffset > maxUnfinishedBytes || scanner.safeOffset < start;
  if (!isTooLong) {
    await screen.write(bytes.subarray(0, cut));
    return { bytes: bytes.subarray(cut), opener: '' };
  }
  // The rest of a long string is passed over: the opener makes a terminal wait for its end.
  await screen.write(bytes);
  const opener = scanner.openString === undefined ? '' : scanner.openString === 'osc' ? '\x1b]' : '\x1b_';
  return { bytes: new Uint8Array(), opener };
}

/** The first line or sequence that begins in these bytes, which may start in the middle of one. */
function safeStart(bytes: Uint8Array): number {
  const end = Math.min(bytes.length, safeStartBytes);
  for (let at = 0; at < end; at++) if (bytes[at] === 0x1b || bytes[at] === 0x0d || bytes[at] === 0x0a) return at;
  let at = 0;
  while (at < end && ((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  return at;
}

function afterCancel(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length + 1);
  result[0] = 0x18;
  result.set(bytes, 1);
  return result;
}

function replayThatFits(screen: ScreenTerminal, { scrollbackLines, maxReplayBytes }: ScreenJob): string {
  let lines = Math.min(scrollbackLines, screen.terminal.buffer.normal.baseY);
  for (let tried = 1; ; tried++) {
    const replay = screenReplay(screen, lines);
    const size = Buffer.byteLength(replay);
    if (size <= maxReplayBytes) return replay;
    if (lines === 0) throw new Error(`The screen alone takes ${size} bytes, and ${maxReplayBytes} are allowed.`);
    lines = tried >= maxTries ? 0 : Math.floor(lines * (maxReplayBytes / size) * 0.9);
  }
}
