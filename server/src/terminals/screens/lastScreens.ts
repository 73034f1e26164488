import type { TerminalId, TerminalInfo, TerminalScreenData } from '../../../protocol/terminal.ts';
import { OutputRing } from '../../base/outputRing.ts';
import type { ComputedScreen, ScreenJob } from './screenJob.ts';
import type { ScreenComputer, ScreenOptions } from './screens.ts';

/** Output after the screen that is kept of each terminal. */
const maxTailBytes = 131_072;
/** All that is kept, together; the terminals that were attached first are forgotten first. */
const maxBytes = 16_777_216;

interface LastScreen {
  /** What a viewer was shown at first; nothing where it got the output from its start. */
  readonly screen: TerminalScreenData | undefined;
  /** What came after it, and the offset in the terminal's output at which that begins. */
  tail: OutputRing;
  tailOffset: number;
  /** Output between the screen and the tail is missing, beside what the tail has dropped. */
  hasHole: boolean;
}

/**
 * What the terminals that somebody watches have shown last, for the case that the pty host dies, which has all the rest.
 * Bounded to 16 MiB.
 */
export class LastScreens {
  private readonly computer: ScreenComputer;
  private readonly kept = new Map<TerminalId, LastScreen>();

  constructor(computer: ScreenComputer) {
    this.computer = computer;
  }

  /** A viewer begins at `offset`, with `screen` or with what comes next. */
  begin(sessionId: TerminalId, { offset, screen }: { offset: number; screen: TerminalScreenData | undefined }): void {
    // One that goes on where another one is adds nothing.
    if (!screen && this.kept.has(sessionId)) return;
    this.kept.delete(sessionId);
    this.kept.set(sessionId, {
      screen,
      tail: new OutputRing(maxTailBytes),
      tailOffset: offset,
      hasHole: !screen && offset > 0,
    });
    this.makeRoom();
  }

  /** Output that a viewer was sent; what another one was sent before is passed over. */
  append(sessionId: TerminalId, offset: number, data: Uint8Array): void {
    const kept = this.kept.get(sessionId);
    if (!kept || offset + data.length <= nextOffsetOf(kept)) return;
    if (offset > nextOffsetOf(kept)) {
      kept.tail = new OutputRing(maxTailBytes);
      kept.tailOffset = offset;
      kept.hasHole = true;
    }
    kept.tail.append(data.subarray(nextOffsetOf(kept) - offset));
  }

  forget(sessionId: TerminalId): void {
    this.kept.delete(sessionId);
  }

  /** How far a terminal's output is known; undefined where nothing is. */
  endOf(sessionId: TerminalId): number | undefined {
    const kept = this.kept.get(sessionId);
    return kept && nextOffsetOf(kept);
  }

  /** The last screen of a lost terminal; undefined where nothing is known of it. Rejects like `ScreenThread.compute`. */
  async of(
    { sessionId, cols, rows }: TerminalInfo,
    { scrollbackLines, maxReplayBytes, want }: ScreenOptions,
    signal: AbortSignal,
  ): Promise<ComputedScreen | undefined> {
    const kept = this.kept.get(sessionId);
    if (!kept) return undefined;
    const { screen, tail, hasHole } = kept;
    const bytes = Buffer.alloc(tail.end - tail.start);
    tail.copyTo(bytes, tail.start);
    const job: ScreenJob = {
      checkpoint: screen && { cols: screen.cols, rows: screen.rows, replay: bytesOf(screen) },
      hasHole: hasHole || tail.start > 0,
      pieces: [{ cols, rows, bytes }],
      ...{ scrollbackLines, maxReplayBytes, want },
    };
    return this.computer.compute(job, signal);
  }

  /** Forgets the terminals that are not needed; answers the bytes given up. */
  shed(isNeeded: (sessionId: TerminalId) => boolean): number {
    let freedBytes = 0;
    for (const [sessionId, kept] of this.kept) {
      if (isNeeded(sessionId)) continue;
      freedBytes += sizeOf(kept);
      this.kept.delete(sessionId);
    }
    return freedBytes;
  }

  private makeRoom(): void {
    let bytes = [...this.kept.values()].reduce((sum, kept) => sum + sizeOf(kept), 0);
    for (const [sessionId, kept] of this.kept) {
      if (bytes <= maxBytes) return;
      bytes -= sizeOf(kept);
      this.kept.delete(sessionId);
    }
  }
}

function sizeOf({ screen }: LastScreen): number {
  return maxTailBytes + (screen ? bytesOf(screen).length : 0);
}

/** Where the next output will stand. */
function nextOffsetOf({ tail, tailOffset }: LastScreen): number {
  return tailOffset + tail.end;
}

function bytesOf({ data }: TerminalScreenData): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'base64') : data;
}
