import type { ParamsOf, ResultOf } from '../../../server/protocol/contract.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import type { Disposable } from '../base/disposable.ts';
import type { TerminalHub } from './terminalHub.ts';
import type { TerminalWatch } from './terminalViewer.ts';

/** What a watcher is told of its terminals, under the names and with the params of the contract. */
export type TerminalEvent = {
  [M in 'terminal/output' | 'terminal/gap' | 'terminal/exited']: { readonly method: M; readonly params: ParamsOf<M> };
}['terminal/output' | 'terminal/gap' | 'terminal/exited'];

/** More terminals than anybody can look at. */
const maxWatches = 64;

/**
 * The terminals that one view, or other extensions, watch by the contract's own methods. They share the window's
 * attachment with everything else that watches them.
 */
export class TerminalWatches implements Disposable {
  private readonly hub: TerminalHub;
  private readonly notify: (event: TerminalEvent) => void;
  private readonly watches = new Map<string, TerminalWatch>();
  private isDisposed = false;

  constructor(hub: TerminalHub, notify: (event: TerminalEvent) => void) {
    this.hub = hub;
    this.notify = notify;
  }

  /** Answers `terminal/attach`. Attaching again replaces the former attachment. */
  async attach(params: object): Promise<ResultOf<'terminal/attach'>> {
    const { sessionId, fromOffset } = readAttach(params);
    this.detach({ sessionId });
    if (this.watches.size >= maxWatches)
      throw new CodedError('ResourceLimit', 'Too many terminals are watched at a time.');
    const watch = await this.hub.watch(
      sessionId,
      {
        onOutput: (data, offset) => this.notify({ method: 'terminal/output', params: { sessionId, offset, data } }),
        onGap: (from, to, screen) => {
          const params = { sessionId, fromOffset: from, toOffset: to, ...(screen && { screen }) };
          this.notify({ method: 'terminal/gap', params });
        },
        onExited: (exitCode, signal) => {
          const params = { sessionId, exitCode, ...(signal !== undefined && { signal }) };
          this.notify({ method: 'terminal/exited', params });
        },
        // The contract has no word for it. A watcher attaches by itself at a new server, and gets an error where it cannot.
        onLost: () => this.detach({ sessionId }),
        // The watcher learns it from `terminal/changed`.
        onForgotten: () => this.watches.delete(sessionId),
      },
      fromOffset,
    );
    if (this.isDisposed) watch.dispose();
    else this.watches.set(sessionId, watch);
    const { terminal, screen } = watch;
    return { terminal, fromOffset: watch.fromOffset, ...(screen && { screen }) };
  }

  /** Answers `terminal/detach`. */
  detach(params: object): object {
    const { sessionId } = params as { sessionId?: unknown };
    if (typeof sessionId === 'string') {
      this.watches.get(sessionId)?.dispose();
      this.watches.delete(sessionId);
    }
    return {};
  }

  acknowledge(params: object): void {
    const { sessionId, offset } = params as { sessionId?: unknown; offset?: unknown };
    if (typeof sessionId === 'string' && typeof offset === 'number') this.watches.get(sessionId)?.acknowledge(offset);
  }

  /** Lets go of all terminals. */
  clear(): void {
    for (const watch of this.watches.values()) watch.dispose();
    this.watches.clear();
  }

  dispose(): void {
    this.isDisposed = true;
    this.clear();
  }
}

function readAttach(params: object): { sessionId: TerminalId; fromOffset: number | undefined } {
  const { sessionId, fromOffset } = params as { sessionId?: unknown; fromOffset?: unknown };
  if (typeof sessionId !== 'string' || (fromOffset !== undefined && typeof fromOffset !== 'number')) {
    throw new CodedError('InvalidParams', 'terminal/attach needs a sessionId, and an offset that is a number.');
  }
  return { sessionId: sessionId as TerminalId, fromOffset };
}
