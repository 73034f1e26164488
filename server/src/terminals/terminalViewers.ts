import { CodedError } from '../../protocol/errors.ts';
import type { TerminalId } from '../../protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { PtySubscription, PtySubscriptionEvent } from './ptyHostSubscription.ts';
import { terminalOf } from './terminalMetadata.ts';
import type { TerminalService } from './terminalService.ts';

/** Bytes that a viewer may have unacknowledged: enough to keep a local viewer busy, little enough to stop in time. */
const windowBytes = 1_048_576;

/**
 * Who watches which terminal. Each viewer has a subscription of its own at the pty host and acknowledges for itself, so
 * that nothing is held here, and one slow viewer holds up no other.
 */
export class TerminalViewers implements Disposable {
  private readonly terminals: TerminalService;
  private readonly viewers = new Map<Client, Map<TerminalId, PtySubscription>>();
  private readonly store = new DisposableStore();

  constructor(terminals: TerminalService) {
    this.terminals = terminals;
  }

  /** Starts to send output to `client`. The first bytes are sent after this has resolved. */
  async attach(client: Client, sessionId: TerminalId, fromOffset: number | undefined, signal: AbortSignal) {
    if (client.kind === 'http') {
      throw new CodedError(
        'Unsupported',
        'A terminal cannot be watched over plain HTTP: its output has no way to arrive.',
      );
    }
    const host = await this.terminals.host();
    const where = fromOffset === undefined ? {} : { fromOffset };
    const subscription = await host.subscribe({ sessionId, windowBytes, ...where }, signal);
    if (signal.aborted || this.store.isDisposed) {
      subscription.dispose();
      throw new CodedError('Cancelled', 'The terminal was not attached: the request was cancelled.');
    }
    const own = this.of(client);
    own.get(sessionId)?.dispose();
    own.set(sessionId, subscription);
    // The answer is written before the next turn of the event loop, so it goes out before the first output does.
    setImmediate(() => subscription.listen((event) => this.forward(client, sessionId, subscription, event)));
    return { terminal: terminalOf(subscription.session), fromOffset: subscription.startOffset };
  }

  detach(client: Client, sessionId: TerminalId): void {
    const own = this.viewers.get(client);
    own?.get(sessionId)?.dispose();
    own?.delete(sessionId);
  }

  acknowledge(client: Client, sessionId: TerminalId, offset: number): void {
    this.viewers.get(client)?.get(sessionId)?.acknowledge(offset);
  }

  dispose(): void {
    this.store.dispose();
    for (const own of this.viewers.values()) for (const subscription of own.values()) subscription.dispose();
    this.viewers.clear();
  }

  private of(client: Client): Map<TerminalId, PtySubscription> {
    const known = this.viewers.get(client);
    if (known) return known;
    const own = new Map<TerminalId, PtySubscription>();
    this.viewers.set(client, own);
    const registration = this.store.add(
      client.onClosed(() => {
        this.viewers.delete(client);
        for (const subscription of own.values()) subscription.dispose();
        this.store.delete(registration);
      }),
    );
    return own;
  }

  private forward(
    client: Client,
    sessionId: TerminalId,
    subscription: PtySubscription,
    event: PtySubscriptionEvent,
  ): void {
    switch (event.kind) {
      case 'output':
        client.notify('terminal/output', { sessionId, offset: event.offset, data: event.data });
        return;
      case 'gap':
        client.notify('terminal/gap', { sessionId, fromOffset: event.from, toOffset: event.to });
        return;
      case 'exited': {
        const signal = event.signal === null ? {} : { signal: event.signal };
        client.notify('terminal/exited', { sessionId, exitCode: event.exitCode, ...signal });
        return;
      }
      case 'ended': {
        const own = this.viewers.get(client);
        if (own?.get(sessionId) === subscription) own.delete(sessionId);
        subscription.dispose();
      }
    }
  }
}
