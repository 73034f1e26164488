import type { OutputRing } from '../base/outputRing.ts';
import { allocateOutput } from '../ptyProtocol/binaryFrames.ts';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import { maxOutputBytes } from '../ptyProtocol/limits.ts';
import type { PtyExit, PtyHostNotifications } from '../ptyProtocol/messages.ts';

/**
 * A viewer that has acknowledged nothing for so long, while output waited for it, no longer holds up its terminal: a
 * hidden or suspended view, or a client that hangs. One that reads slowly acknowledges now and then, and goes on counting.
 */
export const stalledAfterMs = 10_000;

/** The way to one client, as its subscriptions see it. */
export interface ClientPort {
  /** True while the client's socket holds so much unsent data that nothing more should be read from any ring for it. */
  readonly isCongested: boolean;
  send(frame: Buffer): void;
  notify<N extends keyof PtyHostNotifications>(method: N, params: PtyHostNotifications[N]): void;
}

/** What is read: a session's output as far as it has come. */
export interface OutputSource {
  readonly ring: OutputRing;
  readonly exit: PtyExit | null;
  readonly checkpointOffset: number | null;
}

/** Who reads, from where, and with how much credit. */
export interface SubscriptionOptions {
  readonly subscriptionId: number;
  readonly sessionId: string;
  readonly windowBytes: number;
  readonly cursor: number;
  readonly port: ClientPort;
}

/**
 * One viewer of one session. It reads the session's ring at a cursor of its own, as far as its credit goes, so that a
 * slow viewer costs no memory and holds up nobody.
 */
export class Subscription {
  readonly options: SubscriptionOptions;
  private readonly source: OutputSource;
  private position: number;
  private acknowledgedOffset: number;
  /** Sent before the last gap and not yet acknowledged: it uses credit although the cursor has jumped on. */
  private unacknowledgedBeforeGapBytes = 0;
  private lastGap = { from: 0, to: 0 };
  private toldExit = false;
  /** Since when output waits for it without an acknowledgement; undefined where none waits. */
  private waitsSinceMs: number | undefined;

  constructor(source: OutputSource, options: SubscriptionOptions) {
    this.source = source;
    this.options = options;
    this.position = options.cursor;
    this.acknowledgedOffset = options.cursor;
  }

  /** Offset of the next byte to send. */
  get cursor(): number {
    return this.position;
  }

  /** For how long it goes on counting, as things are at `nowMs`; 0 where it counts no longer. */
  patienceMs(nowMs: number): number {
    if (this.position === this.source.ring.end) this.waitsSinceMs = undefined;
    else this.waitsSinceMs ??= nowMs;
    return Math.max(0, stalledAfterMs - (nowMs - (this.waitsSinceMs ?? nowMs)));
  }

  /** Takes note of what the client has consumed. More than was ever sent is a broken client, and ends its connection. */
  acknowledge(offset: number): void {
    if (offset > this.position) {
      throw new PtyProtocolError(
        'ProtocolViolation',
        `Subscription ${this.options.subscriptionId} acknowledged byte ${offset}, but only ${this.position} were sent.`,
      );
    }
    const creditBefore = this.creditBytes;
    if (offset >= this.lastGap.to) {
      this.unacknowledgedBeforeGapBytes = 0;
      this.acknowledgedOffset = Math.max(this.acknowledgedOffset, offset);
    } else {
      const leftBytes = Math.max(0, this.lastGap.from - offset);
      this.unacknowledgedBeforeGapBytes = Math.min(this.unacknowledgedBeforeGapBytes, leftBytes);
    }
    // Saying the same again shows no reader.
    if (this.creditBytes > creditBefore) this.waitsSinceMs = undefined;
  }

  private get creditBytes(): number {
    const sentBytes = this.unacknowledgedBeforeGapBytes + this.position - this.acknowledgedOffset;
    return this.options.windowBytes - sentBytes;
  }

  /** Sends what credit, socket and ring allow; after the last byte of an ended session, its exit. */
  flush(): void {
    const { port } = this.options;
    while (this.position < this.source.ring.end && this.creditBytes > 0 && !port.isCongested) {
      this.skipGap();
      const count = Math.min(this.creditBytes, this.source.ring.end - this.position, maxOutputBytes);
      const { frame, data } = allocateOutput(this.options.subscriptionId, this.position, count);
      this.source.ring.copyTo(data, this.position);
      this.position += count;
      port.send(frame);
    }
    if (this.position === this.source.ring.end) this.tellExit();
  }

  /** Moves to the oldest byte kept where the ring has overtaken the cursor, and says what was passed over. */
  private skipGap(): void {
    const { start } = this.source.ring;
    if (this.position >= start) return;
    const { subscriptionId, port } = this.options;
    const { checkpointOffset } = this.source;
    port.notify('gap', { subscriptionId, from: this.position, to: start, checkpointOffset });
    this.unacknowledgedBeforeGapBytes += this.position - this.acknowledgedOffset;
    this.lastGap = { from: this.position, to: start };
    this.acknowledgedOffset = start;
    this.position = start;
  }

  private tellExit(): void {
    if (!this.source.exit || this.toldExit) return;
    this.toldExit = true;
    const { subscriptionId, sessionId, port } = this.options;
    port.notify('exited', { subscriptionId, sessionId, endOffset: this.source.ring.end, ...this.source.exit });
  }
}
