import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import { describeError, logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';

export interface TerminalListOptions {
  readonly client: Pick<ServerClient, 'request' | 'onNewServer' | 'onNotification'>;
  readonly log: Log;
}

/**
 * Every terminal of this data folder as the server last told of it: asked for once at each new server and kept by
 * `terminal/changed` from then on. While no server runs it says what was true last, since the programs go on.
 */
export class TerminalList implements Disposable {
  private readonly options: TerminalListOptions;
  private readonly store = new DisposableStore();
  private readonly changes: Emitter<TerminalInfo | undefined>;
  private terminals = new Map<string, TerminalInfo>();
  /** What was told while a whole list was on its way, and may be newer than that list. Null stands for a removal. */
  private meanwhile: Map<string, TerminalInfo | null> | undefined;
  private isComplete_ = false;

  constructor(options: TerminalListOptions) {
    this.options = options;
    const { client, log } = options;
    this.changes = this.store.add(
      new Emitter((error) => log.error(`A listener of the list of terminals failed: ${describeError(error)}`)),
    );
    this.store.add(client.onNewServer(() => logFailure(log, 'Listing the terminals', this.fetch())));
    this.store.add(
      client.onNotification('terminal/changed', ({ sessionId, terminal }) =>
        this.take(sessionId, terminal as TerminalInfo | null),
      ),
    );
  }

  /** All terminals, the oldest first. */
  get all(): readonly TerminalInfo[] {
    return [...this.terminals.values()].sort((one, other) => one.createdAt - other.createdAt);
  }

  /** Whether a server has told of all terminals yet. */
  get isComplete(): boolean {
    return this.isComplete_;
  }

  get(sessionId: TerminalId): TerminalInfo | undefined {
    return this.terminals.get(sessionId);
  }

  /** Called after each change: with the terminal where one has come or changed, else with undefined. */
  onChanged(listener: (terminal: TerminalInfo | undefined) => void): Disposable {
    return this.changes.on(listener);
  }

  dispose(): void {
    this.store.dispose();
  }

  private async fetch(): Promise<void> {
    const meanwhile = (this.meanwhile = new Map<string, TerminalInfo | null>());
    try {
      const { terminals } = await this.options.client.request('terminal/list', {});
      // Asked again in the meantime: that answer counts.
      if (this.meanwhile !== meanwhile) return;
      this.terminals = new Map(terminals.map((terminal) => [terminal.sessionId, terminal]));
      for (const [sessionId, terminal] of meanwhile) this.put(sessionId, terminal);
      this.isComplete_ = true;
      this.changes.fire(undefined);
    } finally {
      if (this.meanwhile === meanwhile) this.meanwhile = undefined;
    }
  }

  private take(sessionId: string, terminal: TerminalInfo | null): void {
    this.meanwhile?.set(sessionId, terminal);
    this.put(sessionId, terminal);
    this.changes.fire(terminal ?? undefined);
  }

  private put(sessionId: string, terminal: TerminalInfo | null): void {
    if (terminal) this.terminals.set(sessionId, terminal);
    else this.terminals.delete(sessionId);
  }
}
