import { CodedError } from '../../protocol/errors.ts';
import type { TerminalId } from '../../protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { PtyHostClient } from './ptyHostClient.ts';
import type { PtySubscription, PtySubscriptionEvent } from './ptyHostSubscription.ts';
import type { TerminalService } from './terminalService.ts';

/**
 * Bytes that a viewer may have unacknowledged: enough to keep a local viewer busy, and little enough that a key's echo in
 * another terminal of the same client does not wait behind them. See docs/decisions/0011-flow-control.md.
 */
const windowBytes = 262_144;

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
    const viewer = await this.subscribe(client, sessionId, fromOffset, signal);
    if (signal.aborted || this.store.isDisposed) {
      viewer.subscription.dispose();
      throw new CodedError('Cancelled', 'The terminal was not attached: the request was cancelled.');
    }
    this.of(client).get(sessionId)?.subscription.dispose();
    this.begin(viewer);
    return {
      terminal: this.terminals.describe(viewer.subscription.session),
      fromOffset: viewer.subscription.startOffset,
    };
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

  private async subscribe(
    client: Client,
    sessionId: TerminalId,
    fromOffset: number | undefined,
    signal: AbortSignal,
  ): Promise<Viewer> {
    const host = await this.terminals.host();
    const where = fromOffset === undefined ? {} : { fromOffset };
    const subscription = await host.subscribe({ sessionId, windowBytes, ...where }, signal);
    return { client, sessionId, host, subscription, nextOffset: subscription.startOffset, hasExited: false };
  }

  private begin(viewer: Viewer): void {
    this.of(viewer.client).set(viewer.sessionId, viewer);
    // The answer is written before the next turn of the event loop, so it goes out before the first output does.
    setImmediate(() => viewer.subscription.listen((event) => this.forward(viewer, event)));
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
        // Kept meanwhile, so that a client which detaches is noticed.
        if (viewer.host.isClosed && !viewer.hasExited && !this.store.isDisposed) void this.resume(viewer);
        else own.delete(sessionId);
      }
    }
  }

  /** The connection broke, which says nothing of the terminal: goes on where it stopped, or tells that it is lost. */
  private async resume(former: Viewer): Promise<void> {
    const { client, sessionId, nextOffset } = former;
    const isWanted = (): boolean => this.viewers.get(client)?.get(sessionId) === former && !this.store.isDisposed;
    try {
      const viewer = await this.subscribe(client, sessionId, nextOffset, AbortSignal.timeout(resumeTimeoutMs));
      if (isWanted()) this.begin(viewer);
      else viewer.subscription.dispose();
    } catch (error) {
      if (!isWanted()) return;
      this.viewers.get(client)?.delete(sessionId);
      this.logger.warn('A terminal could not be watched again', { client: client.id, sessionId, error });
      client.notify('terminal/changed', { sessionId, terminal: null });
    }
  }
}
