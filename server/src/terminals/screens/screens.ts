import type { PtySizeAt } from '../../ptyProtocol/messages.ts';
import type { PtyHostClient } from '../hostClient/ptyHostClient.ts';
import { readRing, type RingContent } from '../hostClient/ringReading.ts';
import { decodeCheckpoint } from './screenCheckpoint.ts';
import type { ComputedScreen, ScreenJob, ScreenPiece } from './screenJob.ts';
import { ScreenTurns } from './screenTurns.ts';

/** A terminal's screen at a place of its output. */
export interface Screen extends Omit<ComputedScreen, 'unfinishedBytes'> {
  /** Where output goes on after `replay`; a few bytes before the end where the end is in the middle of something. */
  readonly offset: number;
  /** Bytes of output that the rest shows. */
  readonly endOffset: number;
}

/** How much of a screen is wanted. */
export type ScreenOptions = Pick<ScreenJob, 'scrollbackLines' | 'maxReplayBytes' | 'want'>;

/** Whose screen is wanted. */
export interface ScreenTarget {
  readonly host: PtyHostClient;
  readonly sessionId: string;
}

interface Reading extends Pick<ScreenJob, 'checkpoint' | 'hasHole'> {
  readonly ring: RingContent;
}

/** Computes screens somewhere else than here. */
export interface ScreenComputer {
  compute(job: ScreenJob, signal?: AbortSignal): Promise<ComputedScreen>;
}

/**
 * Terminals' screens, each computed when it is asked for, from the checkpoint that a server left with the pty host and
 * the output kept since. Nothing is held here but for the two that are being computed, and no output is followed.
 */
export class Screens {
  private readonly computer: ScreenComputer;
  private readonly turns = new ScreenTurns();

  constructor(computer: ScreenComputer) {
    this.computer = computer;
  }

  /** The screen of a session as it is now. Rejects with `NotFound`, `Unavailable`, `TimedOut` or `Cancelled`. */
  async of(target: ScreenTarget, options: ScreenOptions, signal: AbortSignal): Promise<Screen> {
    const turn = await this.turns.take(signal);
    try {
      const { ring, ...reading } = await this.read(target, signal);
      ring.dispose();
      return await this.compute({ ring, ...reading }, options, signal);
    } finally {
      turn.dispose();
    }
  }

  /**
   * Gives a screen to `use`, and until that has settled keeps the terminal from running ahead, so that its output can be
   * read on from the screen's offset; unless another viewer is faster.
   */
  async hold<T>(
    target: ScreenTarget,
    options: ScreenOptions & { readonly signal: AbortSignal },
    use: (screen: Screen) => Promise<T>,
  ): Promise<T> {
    const turn = await this.turns.take(options.signal);
    try {
      const reading = await this.read(target, options.signal);
      try {
        return await use(await this.compute(reading, options, options.signal));
      } finally {
        reading.ring.dispose();
      }
    } finally {
      turn.dispose();
    }
  }

  private async read({ host, sessionId }: ScreenTarget, signal: AbortSignal): Promise<Reading> {
    const kept = await host.getCheckpoint(sessionId, signal);
    const checkpoint = kept ? decodeCheckpoint(kept.data) : undefined;
    const fromOffset = checkpoint ? kept?.offset : undefined;
    const ring = await readRing(host, { sessionId, fromOffset }, signal);
    return { checkpoint, hasHole: ring.startOffset > (fromOffset ?? 0), ring };
  }

  private async compute(
    { checkpoint, hasHole, ring }: Reading,
    { scrollbackLines, maxReplayBytes, want }: ScreenOptions,
    signal: AbortSignal,
  ): Promise<Screen> {
    const job = { checkpoint, hasHole, pieces: piecesOf(ring), scrollbackLines, maxReplayBytes, want };
    const { unfinishedBytes, ...screen } = await this.computer.compute(job, signal);
    return { ...screen, offset: ring.endOffset - unfinishedBytes, endOffset: ring.endOffset };
  }
}

/** The output cut where the size changed, each piece with the size that it was written for. */
function piecesOf({ startOffset, endOffset, bytes, sizes }: RingContent): ScreenPiece[] {
  const [first = { offset: 0, cols: 80, rows: 24 }, ...later] = inForceFrom(sizes, startOffset);
  const pieces: ScreenPiece[] = [];
  let size = first;
  let at = startOffset;
  for (const next of later) {
    const until = Math.min(Math.max(next.offset, at), endOffset);
    pieces.push({ cols: size.cols, rows: size.rows, bytes: bytes.subarray(at - startOffset, until - startOffset) });
    at = until;
    size = next;
  }
  pieces.push({ cols: size.cols, rows: size.rows, bytes: bytes.subarray(at - startOffset) });
  return pieces;
}

/** The last size from before `offset`, then those after it. */
function inForceFrom(sizes: readonly PtySizeAt[], offset: number): readonly PtySizeAt[] {
  const first = sizes.findLastIndex((size) => size.offset <= offset);
  return first < 0 ? sizes : sizes.slice(first);
}
