import type { Disposable } from '../../base/disposable.ts';
import type { PtyExit, PtySessionInfo, PtySizeAt, PtySubscribeResult } from '../../ptyProtocol/messages.ts';

/** What a subscription tells, in the order in which it happened. */
export type PtySubscriptionEvent =
  /** The bytes from `offset` on; valid during the call only. */
  | { readonly kind: 'output'; readonly offset: number; readonly data: Uint8Array }
  /** The bytes from `from` to `to` are lost. A checkpoint at or after `from` may bridge the gap. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number; readonly checkpointOffset: number | null }
  /** The program has ended, and this was its last byte. */
  | (PtyExit & { readonly kind: 'exited'; readonly endOffset: number })
  /** No more events: the session was closed or forgotten, or the connection is lost. */
  | { readonly kind: 'ended' };

/** One viewer's reading of one session. Dispose it to stop; the session goes on. */
export interface PtySubscription extends Disposable {
  /** The session as it was when the subscription began. */
  readonly session: PtySessionInfo;
  /** Offset of the first byte that will come. */
  readonly startOffset: number;
  /** The size in force at `startOffset`, and every later one. */
  readonly sizes: readonly PtySizeAt[];
  /** Hands over what has arrived and everything that follows. Called once. */
  listen(listener: (event: PtySubscriptionEvent) => void): void;
  /** The bytes before `offset` have been consumed. Without it output stops when the window is full. */
  acknowledge(offset: number): void;
}

/** How a subscription reaches its connection. */
export interface SubscriptionWire {
  acknowledge(offset: number): void;
  release(): void;
  listenerFailed(error: unknown): void;
}

/** Holds events until somebody listens. Credit bounds what is held: the host sends no more than the window. */
export class HeldPtySubscription implements PtySubscription {
  private readonly wire: SubscriptionWire;
  private held: PtySubscriptionEvent[] = [];
  private listener: ((event: PtySubscriptionEvent) => void) | undefined;
  private started: PtySubscribeResult | undefined;
  private isDisposed = false;

  constructor(wire: SubscriptionWire) {
    this.wire = wire;
  }

  get session(): PtySessionInfo {
    return this.result.session;
  }

  get startOffset(): number {
    return this.result.startOffset;
  }

  get sizes(): readonly PtySizeAt[] {
    return this.result.sizes;
  }

  start(result: PtySubscribeResult): void {
    this.started = result;
  }

  deliver(event: PtySubscriptionEvent): void {
    if (this.isDisposed) return;
    if (!this.listener) {
      this.held.push(event.kind === 'output' ? { ...event, data: Buffer.from(event.data) } : event);
      return;
    }
    try {
      this.listener(event);
    } catch (error) {
      // One viewer's mistake must not end the connection that all of them share.
      this.wire.listenerFailed(error);
    }
  }

  listen(listener: (event: PtySubscriptionEvent) => void): void {
    if (this.listener) throw new Error('This subscription already has its listener.');
    this.listener = listener;
    const held = this.held;
    this.held = [];
    for (const event of held) this.deliver(event);
  }

  acknowledge(offset: number): void {
    if (!this.isDisposed) this.wire.acknowledge(offset);
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.held = [];
    this.wire.release();
  }

  private get result(): PtySubscribeResult {
    if (!this.started) throw new Error('The subscription has not started yet.');
    return this.started;
  }
}
