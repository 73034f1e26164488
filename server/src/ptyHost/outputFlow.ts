import type { PtyExit } from '../ptyProtocol/messages.ts';
import { OutputRing } from './outputRing.ts';
import { Subscription, type OutputSource, type SubscriptionOptions } from './subscription.ts';

/**
 * A terminal is paused when the fastest of its viewers is `high` bytes behind, and goes on when that one has come within
 * `low`. Both lie well below the ring's size, so that a terminal with one viewer never drops a byte.
 */
export const flowMarks = { high: 524_288, low: 131_072 } as const;

/** What stops and starts the terminal's output at its source. */
export interface FlowGate {
  pause(): void;
  resume(): void;
}

/** A session's output on its way from the terminal through the ring to every viewer. */
export class OutputFlow implements OutputSource {
  readonly ring: OutputRing;
  /** Set once the program has ended and its last byte is in the ring. */
  exit: PtyExit | null = null;
  /** Offset of the screen that a server left with the session. */
  checkpointOffset: number | null = null;
  private readonly gate: FlowGate;
  private readonly subscriptions = new Set<Subscription>();
  private flushTimer: NodeJS.Immediate | undefined;
  private paused = false;

  constructor(gate: FlowGate, ring = new OutputRing()) {
    this.gate = gate;
    this.ring = ring;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  get viewers(): ReadonlySet<Subscription> {
    return this.subscriptions;
  }

  append(data: Uint8Array): void {
    this.ring.append(data);
    this.scheduleFlush();
    this.regulate();
  }

  /** The program has ended; everything it wrote was appended before. */
  end(exit: PtyExit): void {
    this.exit = exit;
    this.scheduleFlush();
  }

  subscribe(options: SubscriptionOptions): Subscription {
    const subscription = new Subscription(this, options);
    this.subscriptions.add(subscription);
    this.scheduleFlush();
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

  dispose(): void {
    clearImmediate(this.flushTimer);
    this.subscriptions.clear();
  }

  /** Once a turn of the event loop, so that the many small reads of a turn become few frames. */
  private scheduleFlush(): void {
    this.flushTimer ??= setImmediate(() => {
      this.flushTimer = undefined;
      for (const subscription of this.subscriptions) subscription.flush();
      this.regulate();
    });
  }

  private regulate(): void {
    let fastest = this.subscriptions.size === 0 ? this.ring.end : 0;
    for (const { cursor } of this.subscriptions) fastest = Math.max(fastest, cursor);
    const behindBytes = this.ring.end - fastest;
    if (!this.paused && behindBytes > flowMarks.high) {
      this.paused = true;
      this.gate.pause();
    } else if (this.paused && behindBytes < flowMarks.low) {
      this.paused = false;
      this.gate.resume();
    }
  }
}
