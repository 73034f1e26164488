import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { DrainProbes } from './drainProbes.ts';
import { SafePlaces } from './safePlaces.ts';

/**
 * VS Code takes what a pseudoterminal writes without any sign of how far it has come, and its terminal throws above
 * 50 MB of backlog. 64 KiB every 16 ms are 4 MB/s, which a renderer that is looked at keeps up with. One that is not, in a
 * hidden window for instance, does not: `DrainProbes` tell.
 */
const chunkBytes = 65_536;
const intervalMs = 16;
/**
 * A terminal that does not answer gets a chunk each time this is over, should its answer have got lost: in an hour, half of
 * what it can hold.
 */
const patienceMs = 10_000;
/** RIS: the terminal as it is when it is new, without scrollback. */
const resetSequence = new TextEncoder().encode('\x1bc');

/** Bytes to show (those of a screen have no offset), or something to do once all before it is written. */
type Piece =
  | { readonly kind: 'bytes'; readonly data: Uint8Array; readonly offset: number | undefined }
  | { readonly kind: 'step'; readonly run: () => void };

/**
 * Turns bytes into text for VS Code at a pace it can follow. Its queue is bounded by the credit that whoever pushes has
 * given: only what was written is reported as consumed.
 */
export class PacedWriter implements Disposable {
  private readonly clock: Clock;
  private readonly write: (text: string) => void;
  private readonly consumed: (offset: number) => void;
  private readonly queue: Piece[] = [];
  private decoder = newDecoder();
  private readonly probes = new DrainProbes();
  private places = new SafePlaces();
  private roomBytes = chunkBytes;
  private timer: Disposable | undefined;
  private disposed = false;

  /** `consumed` is called with the offset up to which bytes were written. */
  constructor(clock: Clock, write: (text: string) => void, consumed: (offset: number) => void) {
    this.clock = clock;
    this.write = write;
    this.consumed = consumed;
  }

  push(data: Uint8Array, offset: number): void {
    if (this.disposed) return;
    for (let at = 0; at < data.byteLength; at += chunkBytes) {
      this.queue.push({ kind: 'bytes', data: data.subarray(at, at + chunkBytes), offset: offset + at });
    }
    this.writeWhatFits();
  }

  /** Shows a whole screen in place of everything before it; what was not written yet is left out. */
  pushScreen(screen: Uint8Array): void {
    if (this.disposed) return;
    this.queue.length = 0;
    this.decoder = newDecoder();
    this.places = new SafePlaces();
    this.queue.push({ kind: 'bytes', data: resetSequence, offset: undefined });
    for (let at = 0; at < screen.byteLength; at += chunkBytes) {
      this.queue.push({ kind: 'bytes', data: screen.subarray(at, at + chunkBytes), offset: undefined });
    }
    this.writeWhatFits();
  }

  /** Runs `run` after everything that was pushed before is written. A character that was cut off there is given up. */
  afterAll(run: () => void): void {
    if (this.disposed) return;
    this.queue.push({ kind: 'step', run });
    this.writeWhatFits();
  }

  /** The terminal has answered a probe, of this writer or of another one. */
  answered(mode: number): void {
    const wasFull = this.probes.isFull();
    this.probes.answered(mode);
    if (!wasFull || this.probes.isFull() || this.disposed) return;
    this.timer?.dispose();
    this.timer = undefined;
    this.roomBytes = chunkBytes;
    this.writeWhatFits();
  }

  dispose(): void {
    this.disposed = true;
    this.queue.length = 0;
    this.timer?.dispose();
  }

  private writeWhatFits(): void {
    for (let piece = this.queue[0]; piece; piece = this.queue[0]) {
      if (piece.kind === 'bytes') {
        const { data, offset } = piece;
        if (data.byteLength > this.roomBytes) break;
        // The first chunk of a turn is written all the same when patience is over.
        if (this.probes.isFull() && this.roomBytes < chunkBytes) break;
        this.queue.shift();
        this.roomBytes -= data.byteLength;
        const text = this.decoder.decode(data, { stream: true });
        if (text !== '') this.write(this.probes.add(text, this.places.last(text), this.clock.now()));
        if (offset !== undefined) this.consumed(offset + data.byteLength);
      } else {
        this.queue.shift();
        this.decoder = newDecoder();
        piece.run();
      }
    }
    if (this.roomBytes === chunkBytes || this.timer || this.disposed) return;
    this.timer = this.clock.after(this.probes.isFull() ? patienceMs : intervalMs, () => {
      this.timer = undefined;
      this.roomBytes = chunkBytes;
      this.writeWhatFits();
    });
  }
}

function newDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
