import type { TerminalId, TerminalInfo } from '../../protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';

/** A terminal was created, or what is told of it has changed (`terminal`), or it was forgotten (null). */
export interface TerminalChange {
  readonly sessionId: TerminalId;
  readonly terminal: TerminalInfo | null;
}

/** A terminal as it is now. */
export interface ListedTerminal {
  readonly terminal: TerminalInfo;
  /** Whether it was started as a command that runs to its end. */
  readonly isCommand: boolean;
}

export interface TerminalChangesOptions {
  /** All terminals, the lost ones included. */
  readonly list: () => Promise<readonly ListedTerminal[]>;
  /** Drops a terminal that has exited long ago. */
  readonly forget: (sessionId: TerminalId) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const hourMs = 3_600_000;
/**
 * How long an exited terminal stays for who comes late. A command is forgotten by the server that waits for it; one whose
 * server has died is to be found when its conversation is opened again.
 */
const keepExitedMs = { shell: hourMs, command: 7 * 24 * hourMs } as const;

/** Facts may change many times a second; clients are told about so often. */
const factsDelayMs = 200;

/** Compares the terminals that there are with what was told last, and tells the difference. */
export class TerminalChanges implements Disposable {
  private readonly options: TerminalChangesOptions;
  private readonly changed: Emitter<TerminalChange>;
  /** What was told last; undefined before the first look, which tells nothing. */
  private known: ReadonlyMap<TerminalId, ListedTerminal> | undefined;
  private refreshing: Promise<void> | undefined;
  private refreshAgain = false;
  private soon: Disposable | undefined;
  /** Timers of exited terminals. */
  private readonly expiring = new Map<TerminalId, Disposable>();
  private isDisposed = false;

  constructor(options: TerminalChangesOptions) {
    this.options = options;
    this.changed = new Emitter((error) => options.logger.error('A terminal listener failed', { error }));
  }

  on(listener: (change: TerminalChange) => void): Disposable {
    return this.changed.on(listener);
  }

  /** A terminal as it was at the last look. */
  get(sessionId: TerminalId): ListedTerminal | undefined {
    return this.known?.get(sessionId);
  }

  /** Looks now. Changes meanwhile are not missed. */
  refresh(): void {
    if (this.isDisposed) return;
    if (this.refreshing) {
      this.refreshAgain = true;
      return;
    }
    this.refreshing = this.tell()
      .catch((error: unknown) => {
        // What is disposed meanwhile closes the connection itself.
        if (!this.isDisposed) this.options.logger.warn('The list of terminals could not be refreshed', { error });
      })
      .finally(() => {
        this.refreshing = undefined;
        if (!this.refreshAgain) return;
        this.refreshAgain = false;
        this.refresh();
      });
  }

  /** Looks within 0.2 s, once for all that changes until then. */
  refreshSoon(): void {
    if (this.isDisposed) return;
    this.soon ??= this.options.clock.after(factsDelayMs, () => {
      this.soon = undefined;
      this.refresh();
    });
  }

  dispose(): void {
    this.isDisposed = true;
    this.soon?.dispose();
    for (const timer of this.expiring.values()) timer.dispose();
    this.changed.dispose();
  }

  private async tell(): Promise<void> {
    const before = this.known;
    const now = new Map((await this.options.list()).map((listed) => [listed.terminal.sessionId, listed]));
    this.known = now;
    this.expire(now);
    if (!before) return;
    for (const [sessionId, { terminal }] of now) {
      if (!isSame(before.get(sessionId)?.terminal, terminal)) this.changed.fire({ sessionId, terminal });
    }
    for (const sessionId of before.keys()) {
      if (!now.has(sessionId)) this.changed.fire({ sessionId, terminal: null });
    }
  }

  /** Sees to it that exited terminals are forgotten in the end, whoever started them: the host lives for its terminals. */
  private expire(now: ReadonlyMap<TerminalId, ListedTerminal>): void {
    for (const [sessionId, timer] of this.expiring) {
      if (now.has(sessionId)) continue;
      timer.dispose();
      this.expiring.delete(sessionId);
    }
    if (this.isDisposed) return;
    for (const [sessionId, { terminal, isCommand }] of now) {
      if (terminal.status !== 'exited' || this.expiring.has(sessionId)) continue;
      const timer = this.options.clock.after(keepExitedMs[isCommand ? 'command' : 'shell'], () => {
        this.expiring.delete(sessionId);
        this.options.forget(sessionId).catch((error: unknown) => {
          this.options.logger.debug('An exited terminal could not be forgotten', { sessionId, error });
        });
      });
      this.expiring.set(sessionId, timer);
    }
  }
}

function isSame(before: TerminalInfo | undefined, now: TerminalInfo): boolean {
  const facts = (terminal: TerminalInfo): string => {
    const { status, name, hasShellIntegration, currentFolder, lastCommand, waitsForInput, isBackground } = terminal;
    return JSON.stringify([status, name, hasShellIntegration, currentFolder, lastCommand, waitsForInput, isBackground]);
  };
  return before !== undefined && facts(before) === facts(now);
}
