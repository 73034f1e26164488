import { CodedError } from '../../../protocol/errors.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { PtySessionInfo, PtySizeAt } from '../../ptyProtocol/messages.ts';
import type { PtyHostClient } from './ptyHostClient.ts';
import type { PtySubscription, PtySubscriptionEvent } from './ptyHostSubscription.ts';

/**
 * Read ahead beyond what is wanted at most. With the MiB after which the pty host pauses a terminal it stays well below
 * the ring's size, so that a terminal without a faster viewer keeps what comes after the content while it is held.
 */
const windowBytes = 262_144;
const readLimitMs = 5_000;

/**
 * What the pty host has kept of a session's output. Until it is disposed, a terminal without a faster viewer is held up
 * before it drops what comes next.
 */
export interface RingContent extends Disposable {
  readonly session: PtySessionInfo;
  /** Offset of the first byte. */
  readonly startOffset: number;
  /** Offset after the last byte: what had been produced when the reading began. */
  readonly endOffset: number;
  readonly bytes: Uint8Array;
  /** The size in force at `startOffset`, then each later one. */
  readonly sizes: readonly PtySizeAt[];
}

/**
 * Reads a session's output from `fromOffset`, or from the oldest byte kept where that is later or nothing is named, up to
 * what has been produced by now. Takes at most 5 s; rejects with `NotFound`, `TimedOut`, `Cancelled` or `Unavailable`.
 */
export async function readRing(
  host: PtyHostClient,
  { sessionId, fromOffset }: { readonly sessionId: string; readonly fromOffset: number | undefined },
  signal: AbortSignal,
): Promise<RingContent> {
  const where = fromOffset === undefined ? {} : { fromOffset };
  const subscription = await host.subscribe({ sessionId, windowBytes, ...where }, signal);
  try {
    const reading = new RingReading(subscription);
    await reading.take(AbortSignal.any([signal, AbortSignal.timeout(readLimitMs)]));
    const { session, sizes } = subscription;
    return { session, sizes, ...reading.result, dispose: () => subscription.dispose() };
  } catch (error) {
    subscription.dispose();
    throw error;
  }
}

class RingReading {
  private chunks: Uint8Array[] = [];
  private startOffset: number;
  private nextOffset: number;
  private readonly endOffset: number;
  private readonly subscription: PtySubscription;

  constructor(subscription: PtySubscription) {
    this.subscription = subscription;
    this.startOffset = subscription.startOffset;
    this.nextOffset = subscription.startOffset;
    this.endOffset = subscription.session.producedBytes;
  }

  get result(): { startOffset: number; endOffset: number; bytes: Uint8Array } {
    const bytes = Buffer.concat(this.chunks).subarray(0, this.endOffset - this.startOffset);
    // Where other viewers let the ring run past the end, nothing is left of what was wanted.
    return { startOffset: Math.min(this.startOffset, this.endOffset), endOffset: this.endOffset, bytes };
  }

  async take(limit: AbortSignal): Promise<void> {
    if (this.isComplete) return;
    await new Promise<void>((resolve, reject) => {
      limit.addEventListener('abort', () => reject(timedOut()), { once: true });
      this.subscription.listen((event) => {
        if (event.kind === 'ended') reject(new CodedError('NotFound', 'There is no such terminal any more.'));
        else if (!this.isComplete) this.add(event);
        if (this.isComplete) resolve();
      });
    });
  }

  private get isComplete(): boolean {
    return this.nextOffset >= this.endOffset;
  }

  private add(event: PtySubscriptionEvent): void {
    if (event.kind === 'gap') this.restart(event.to);
    if (event.kind !== 'output') return;
    this.chunks.push(Buffer.from(event.data));
    this.nextOffset = event.offset + event.data.length;
    // Not once all is there: the terminal is to wait.
    if (!this.isComplete) this.subscription.acknowledge(this.nextOffset);
  }

  /** The ring has dropped what comes before: the reading begins anew there. */
  private restart(offset: number): void {
    this.chunks = [];
    this.startOffset = offset;
    this.nextOffset = offset;
  }
}

function timedOut(): CodedError {
  return new CodedError('TimedOut', 'The output of this terminal could not be read in time. Try again.');
}
