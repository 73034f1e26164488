import type { Disposable } from '../base/disposable.ts';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import type { PtySubscribeParams, PtySubscribeResult } from '../ptyProtocol/messages.ts';
import type { Session } from './session.ts';
import type { ClientPort, Subscription } from './subscription.ts';

/** Subscriptions one client may hold: every session in two views, generously. */
export const maxSubscriptionsPerClient = 1_024;

/** The subscriptions of one client. They end with it. */
export class ClientSubscriptions implements Disposable {
  private readonly port: ClientPort;
  private readonly entries = new Map<number, { readonly session: Session; readonly subscription: Subscription }>();

  constructor(port: ClientPort) {
    this.port = port;
  }

  add(session: Session, params: PtySubscribeParams): PtySubscribeResult {
    const { subscriptionId, sessionId, windowBytes } = params;
    if (this.entries.has(subscriptionId)) {
      throw new PtyProtocolError(
        'InvalidParams',
        `Subscription ${subscriptionId} exists already; choose another number.`,
      );
    }
    if (this.entries.size >= maxSubscriptionsPerClient) {
      throw new PtyProtocolError('ResourceLimit', `A client may hold ${maxSubscriptionsPerClient} subscriptions.`);
    }
    const { ring } = session.output;
    const wanted = params.fromOffset ?? ring.start;
    if (wanted > ring.end) {
      throw new PtyProtocolError('InvalidParams', `Byte ${wanted} is beyond the end of the output at ${ring.end}.`);
    }
    const options = { subscriptionId, sessionId, windowBytes, cursor: wanted, port: this.port };
    this.entries.set(subscriptionId, { session, subscription: session.output.subscribe(options) });
    const startOffset = Math.max(wanted, ring.start);
    return { session: session.info, startOffset, sizes: session.sizesFrom(startOffset) };
  }

  remove(subscriptionId: number): void {
    const entry = this.entries.get(subscriptionId);
    if (!entry) throw new PtyProtocolError('NotFound', `There is no subscription ${subscriptionId}.`);
    this.entries.delete(subscriptionId);
    entry.session.output.unsubscribe(entry.subscription);
  }

  /** Whether the client reads that session. */
  reads(session: Session): boolean {
    return [...this.entries.values()].some((entry) => entry.session === session);
  }

  /** An acknowledgement that crosses the end of its subscription is no mistake. */
  acknowledge(subscriptionId: number, offset: number): void {
    const entry = this.entries.get(subscriptionId);
    if (!entry) return;
    entry.subscription.acknowledge(offset);
    entry.session.output.credited(entry.subscription);
  }

  /** A subscription of a session that is gone is over on both sides. */
  drop(subscriptionId: number): void {
    this.entries.delete(subscriptionId);
  }

  /** The client's socket has room again. */
  advanceAll(): void {
    for (const { session, subscription } of this.entries.values()) session.output.advance(subscription);
  }

  dispose(): void {
    for (const { session, subscription } of this.entries.values()) session.output.unsubscribe(subscription);
    this.entries.clear();
  }
}
