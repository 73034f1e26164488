import { CodedError } from '../../../server/protocol/errors.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import type { Disposable } from '../base/disposable.ts';
import type { TerminalHub } from '../terminals/terminalHub.ts';
import type { TerminalWatch } from '../terminals/terminalViewer.ts';

/** Sends a notification to the view. */
export type Notify = (method: string, params: object) => void;

/** More terminals than a view can show. */
const maxWatches = 64;

/** The terminals that one view watches. They share the window's attachment with everything else that watches them. */
export class ViewTerminals implements Disposable {
  private readonly hub: TerminalHub;
  private readonly notify: Notify;
  private readonly watches = new Map<string, TerminalWatch>();
  private isDisposed = false;

  constructor(hub: TerminalHub, notify: Notify) {
    this.hub = hub;
    this.notify = notify;
  }

  /** Answers `terminal/attach`. Attaching again replaces the former attachment. */
  async attach(params: object): Promise<object> {
    const { sessionId, fromOffset } = readAttach(params);
    this.detach({ sessionId });
    if (this.watches.size >= maxWatches) throw new CodedError('ResourceLimit', 'This view watches too many terminals.');
    const watch = await this.hub.watch(
      sessionId,
      {
        // A copy of exactly these bytes: an ArrayBuffer crosses to the view fastest.
        onOutput: (data, offset) =>
          this.notify('terminal/output', { sessionId, offset, data: new Uint8Array(data).buffer }),
        onGap: (from, to) => this.notify('terminal/gap', { sessionId, fromOffset: from, toOffset: to }),
        onExited: (exitCode, signal) =>
          this.notify('terminal/exited', { sessionId, exitCode, ...(signal !== undefined && { signal }) }),
        // The view learns it from `terminal/changed`.
        onForgotten: () => this.watches.delete(sessionId),
      },
      fromOffset,
    );
    if (this.isDisposed) watch.dispose();
    else this.watches.set(sessionId, watch);
    return { terminal: watch.terminal, fromOffset: watch.fromOffset };
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

  /** Lets go of all terminals: with a new server process the view attaches again by itself. */
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
