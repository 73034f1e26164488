import { monotonicClock, type Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { OutputRing } from '../base/outputRing.ts';
import { maxOutputBytes } from '../ptyProtocol/limits.ts';
import type { PtyExit } from '../ptyProtocol/messages.ts';
import { Subscription, type OutputSource, type SubscriptionOptions } from './subscription.ts';

/**
 * Recent output kept for each session. With a session's own bookkeeping it stays within 2 MB; it exceeds by far the
 * high mark at which a terminal with a viewer is paused, so that a viewer loses nothing unless a faster one runs ahead.
 */
export const defaultRingBytes = 1_835_008;

/**
 * A terminal is paused when the fastest of its viewers that read is `high` bytes behind, and goes on when that one has come within
 * `low`. Both lie well below the ring's size, so that a terminal with one viewer never drops a byte. Chosen by measuring:
 * see docs/decisions/0011-flow-control.md.
 */
export const flowMarks = { high: 1_048_576, low: 262_144 } as const;

/**
 * A terminal gives its output in reads of 4 KiB at most. What comes after a pause of this length goes out at once; what
 * follows closer is collected for so long, or to a whole frame: a flood then takes a sixteenth of the frames, and a key's
 * echo waits for nothing. See docs/decisions/0011-flow-control.md.
 */
const collectMs = 2;

/** What stops and starts the terminal's output at its source. */
export interface FlowGate {
  pause(): void;
  resume(): void;
}

/** A session's output on its way from the terminal through the ring to every viewer. */
export class OutputFlow implements OutputSource {
  readonly ring = new OutputRing(defaultRingBytes);
  /** Set once the program has ended and its last byte is in the ring. */
  exit: PtyExit | null = null;
  /** Offset of the screen that a server left with the session. */
  checkpointOffset: number | null = null;
  private readonly gate: FlowGate;
  private readonly subscriptions = new Set<Subscription>();
  private flushSoon: NodeJS.Immediate | undefined;
  private flushLater: NodeJS.Timeout | undefined;
  /** Time of the last flush, as of `performance.now()`, and how far the output had come by then. */
  private flushedAtMs = 0;
  private flushedEnd = 0;
  private paused = false;
  private readonly clock: Clock;
  /** Looks again when the next viewer stops counting, while the terminal is paused. */
  private nextLook: Disposable | undefined;

  /** `clock` tells how long viewers have been silent. */
  constructor(gate: FlowGate, clock: Clock = monotonicClock) {
    this.gate = gate;
    this.clock = clock;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  get viewers(): ReadonlySet<Subscription> {
    return this.subscriptions;
  }

  append(data: Uint8Array): void {
    this.ring.append(data);
    const isFrameFull = this.ring.end - this.flushedEnd >= maxOutputBytes;
    if (isFrameFull || performance.now() - this.flushedAtMs >= collectMs) this.flushThisTurn();
    else this.flushLater ??= setTimeout(() => this.flush(), collectMs);
    this.regulate();
  }

  /** The program has ended; everything it wrote was appended before. */
  end(exit: PtyExit): void {
    this.exit = exit;
    this.flushThisTurn();
  }

  subscribe(options: SubscriptionOptions): Subscription {
    const subscription = new Subscription(this, options);
    this.subscriptions.add(subscription);
    this.flushThisTurn();
    return subscription;
  }

  unsubscribe(subscription: Subscription): void {
    this.subscriptions.delete(subscription);
    // The one that went may have been the fastest, or the last.
    this.regulate();
  }

  /** Lets one viewer read on, after it got credit or its socket got room. */
  advance(subscription: Subscription): void {
    subscription.flush();
    this.regulate();
  }

  /** A viewer got credit: one that had used it up reads on now, another with the next flush. */
  credited(subscription: Subscription): void {
    if (subscription.cursor < this.flushedEnd) this.advance(subscription);
  }

  dispose(): void {
    this.cancelFlush();
    this.nextLook?.dispose();
    this.subscriptions.clear();
  }

  private flushThisTurn(): void {
    this.flushSoon ??= setImmediate(() => this.flush());
  }

  private flush(): void {
    this.cancelFlush();
    this.flushedAtMs = performance.now();
    this.flushedEnd = this.ring.end;
    for (const subscription of this.subscriptions) subscription.flush();
    this.regulate();
  }

  private cancelFlush(): void {
    clearImmediate(this.flushSoon);
    clearTimeout(this.flushLater);
    this.flushSoon = this.flushLater = undefined;
  }

  private regulate(): void {
    const { behindBytes, changesInMs } = this.fastest();
    if (!this.paused && behindBytes > flowMarks.high) {
      this.paused = true;
      this.gate.pause();
    } else if (this.paused && behindBytes < flowMarks.low) {
      this.paused = false;
      this.gate.resume();
    }
    this.nextLook?.dispose();
    this.nextLook = this.paused ? this.clock.after(changesInMs, () => this.regulate()) : undefined;
  }

  /**
   * How far the fastest viewer is behind, and after which time another one may be the fastest although nothing happens.
   * One that has stopped reading does not count, as if it were not there: without any other nothing holds up the terminal.
   */
  private fastest(): { behindBytes: number; changesInMs: number } {
    const nowMs = this.clock.now();
    let behindBytes = Infinity;
    let changesInMs = Infinity;
    for (const subscription of this.subscriptions) {
      const patienceMs = subscription.patienceMs(nowMs);
      if (patienceMs === 0) continue;
      behindBytes = Math.min(behindBytes, this.ring.end - subscription.cursor);
      changesInMs = Math.min(changesInMs, patienceMs);
    }
    return { behindBytes: behindBytes === Infinity ? 0 : behindBytes, changesInMs };
  }
}
