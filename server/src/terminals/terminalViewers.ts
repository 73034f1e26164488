import { CodedError } from '../../protocol/errors.ts';
import type { TerminalId } from '../../protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { PtyHostClient } from './ptyHostClient.ts';
import type { PtySubscription, PtySubscriptionEvent } from './ptyHostSubscription.ts';
import { terminalOf } from './terminalMetadata.ts';
import type { TerminalService } from './terminalService.ts';

/** Bytes that a viewer may have unacknowledged: enough to keep a local viewer busy, little enough to stop in time. */
const windowBytes = 1_048_576;

/** Finding the pty host again after its connection broke has this long; the launcher's own limit is 10 s. */
const resumeTimeoutMs = 15_000;

/** One client's watching of one terminal. */
interface Viewer {
  readonly client: Client;
  readonly sessionId: TerminalId;
  readonly host: PtyHostClient;
  readonly subscription: PtySubscription;
  /** Where the next byte will stand, for going on after the connection to the host broke. */
  nextOffset: number;
  hasExited: boolean;
}

/**
 * Who watches which terminal. Each viewer has a subscription of its own at the pty host and acknowledges for itself, so
 * that nothing is held here, and one slow viewer holds up no other.
 */
export class TerminalViewers implements Disposable {
  private readonly terminals: TerminalService;
  private readonly viewers = new Map<Client, Map<TerminalId, Viewer>>();
  private readonly store = new DisposableStore();
  private readonly logger: Logger;

  constructor(terminals: TerminalService, logger: Logger) {
    this.terminals = terminals;
    this.logger = logger;
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
    own.get(sessionId)?.subscription.dispose();
    const viewer = { client, sessionId, host, subscription, nextOffset: subscription.startOffset, hasExited: false };
    own.set(sessionId, viewer);
    // The answer is written before the next turn of the event loop, so it goes out before the first output does.
    setImmediate(() => subscription.listen((event) => this.forward(viewer, event)));
    return { terminal: terminalOf(subscription.session), fromOffset: subscription.startOffset };
  }

  detach(client: Client, sessionId: TerminalId): void {
    const own = this.viewers.get(client);
    own?.get(sessionId)?.subscription.dispose();
    own?.delete(sessionId);
  }

  acknowledge(client: Client, sessionId: TerminalId, offset: number): void {
    this.viewers.get(client)?.get(sessionId)?.subscription.acknowledge(offset);
  }

  dispose(): void {
    this.store.dispose();
    for (const own of this.viewers.values()) for (const { subscription } of own.values()) subscription.dispose();
    this.viewers.clear();
  }

  private of(client: Client): Map<TerminalId, Viewer> {
    const known = this.viewers.get(client);
    if (known) return known;
    const own = new Map<TerminalId, Viewer>();
    this.viewers.set(client, own);
    const registration = this.store.add(
      client.onClosed(() => {
        this.viewers.delete(client);
        for (const { subscription } of own.values()) subscription.dispose();
        this.store.delete(registration);
      }),
    );
    return own;
  }

  private forward(viewer: Viewer, event: PtySubscriptionEvent): void {
    const { client, sessionId, subscription } = viewer;
    switch (event.kind) {
      case 'output':
        viewer.nextOffset = event.offset + event.data.length;
        client.notify('terminal/output', { sessionId, offset: event.offset, data: event.data });
        return;
      case 'gap':
        viewer.nextOffset = event.to;
        client.notify('terminal/gap', { sessionId, fromOffset: event.from, toOffset: event.to });
        return;
      case 'exited': {
        viewer.hasExited = true;
        const signal = event.signal === null ? {} : { signal: event.signal };
        client.notify('terminal/exited', { sessionId, exitCode: event.exitCode, ...signal });
        return;
      }
      case 'ended': {
        const own = this.viewers.get(client);
        subscription.dispose();
        if (own?.get(sessionId) !== viewer) return;
        own.delete(sessionId);
        if (viewer.host.isClosed && !viewer.hasExited && !this.store.isDisposed) void this.resume(viewer);
      }
    }
  }

  /** The connection broke, which says nothing of the terminal: goes on where it stopped, or tells that it is lost. */
  private async resume({ client, sessionId, nextOffset }: Viewer): Promise<void> {
    try {
      await this.attach(client, sessionId, nextOffset, AbortSignal.timeout(resumeTimeoutMs));
    } catch (error) {
      if (this.store.isDisposed) return;
      this.logger.warn('A terminal could not be watched again', { client: client.id, sessionId, error });
      client.notify('terminal/changed', { sessionId, terminal: null });
    }
  }
}
