import * as vscode from 'vscode';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { describeError, logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import { leaseMs, type ShownState, type ShownTerminals } from './shownTerminals.ts';
import { WindowLease } from './windowLease.ts';

/**
 * Windows that seem to be open at first are looked at again, so often and for so long: at a reload the process of the
 * window before ends only after this one has begun, and a lost window has a lease to run out.
 */
const lookAgainMs = 500;
const lookForMs = leaseMs + 15_000;
/** The shell with which VS Code fills a panel that was open comes within this time after ours, if at all. */
const unwantedShellMs = 5_000;

/** One kind of our tabs in VS Code's terminal panel. */
export interface TabKind {
  /** What a tab of this kind is remembered by, as soon as that is known. */
  keyOf(terminal: vscode.Terminal): string | undefined;
  /** Makes the tab anew that was remembered by `key`; undefined where that is of another kind, gone, or shown already. */
  bringBack(key: string, terminals: ReadonlyMap<string, TerminalInfo>): Promise<vscode.Terminal | undefined>;
  /** Fires when a tab that was there before has got its key. */
  readonly onDidIdentify: vscode.Event<unknown>;
}

export interface TerminalTabsOptions {
  readonly client: Pick<ServerClient, 'request' | 'onNewServer'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory: ShownTerminals;
  readonly kinds: readonly TabKind[];
  /** Fires when a tab gets its first size, which happens only in a panel that is open. */
  readonly onDidLayOut: vscode.Event<void>;
}

/**
 * Remembers which of our tabs the window shows, in which order and which in front, and makes them anew after a reload:
 * VS Code does not bring back a pseudoterminal.
 */
export class TerminalTabs implements Disposable {
  private readonly options: TerminalTabsOptions;
  private readonly store = new DisposableStore();
  private isRestored = false;
  private isLooking = false;
  private nextLook: Disposable | undefined;
  private front = '';
  private isWindowEnding = false;

  constructor(options: TerminalTabsOptions) {
    this.options = options;
    const { client, clock, log, memory, kinds } = options;
    this.store.add(vscode.window.onDidOpenTerminal(() => this.write()));
    this.store.add(vscode.window.onDidCloseTerminal((terminal) => this.closed(terminal)));
    this.store.add(vscode.window.onDidChangeActiveTerminal((active) => this.changedFront(active)));
    for (const kind of kinds) this.store.add(kind.onDidIdentify(() => this.write()));
    this.store.add(client.onNewServer(() => this.restore()));
    const askWindow = () => vscode.commands.executeCommand('setContext', 'aiDevAssistant.isWindowOpen', true);
    this.store.add(new WindowLease({ clock, log, askWindow, renew: () => memory.renew() }));
  }

  dispose(): void {
    this.store.dispose();
    this.nextLook?.dispose();
    logFailure(this.options.log, 'Leaving the terminals to the next window', this.options.memory.release());
  }

  private closed(terminal: vscode.Terminal): void {
    // The window closes or reloads, one tab after the other: what it showed until then is to be shown again.
    if (terminal.exitStatus?.reason === vscode.TerminalExitReason.Shutdown) this.isWindowEnding = true;
    this.write();
  }

  private changedFront(active: vscode.Terminal | undefined): void {
    // No terminal at all is what a closing window looks like.
    if (active) this.write();
  }

  /** Once in a window, at its first server: later servers find the viewers still there. */
  private restore(): void {
    if (this.isRestored || this.isLooking) return;
    this.isLooking = true;
    this.look(this.options.clock.now() + lookForMs);
  }

  private look(until: number): void {
    const { clock, log } = this.options;
    const lookAgain = (): void => {
      this.isLooking = !this.store.isDisposed && clock.now() < until;
      if (this.isLooking) this.nextLook = clock.after(lookAgainMs, () => this.look(until));
    };
    this.bringBack().then(
      (mayComeMore) => {
        if (mayComeMore) lookAgain();
        else this.isLooking = false;
      },
      (error: unknown) => {
        log.error(`Bringing back terminals failed: ${describeError(error)}`);
        lookAgain();
      },
    );
  }

  /** Shows what windows that have ended showed; answers whether another one may end yet. */
  private async bringBack(): Promise<boolean> {
    const { memory } = this.options;
    const left = await memory.takeOver();
    if (left.shown.length > 0) await this.show(left);
    const isFirst = !this.isRestored;
    this.isRestored = true;
    if (isFirst || left.shown.length > 0) await memory.write(this.present());
    await left.taken();
    return left.openWindows > 0;
  }

  private async show({ shown, front }: ShownState): Promise<void> {
    const { terminals } = await this.options.client.request('terminal/list', {});
    const known = new Map<string, TerminalInfo>(terminals.map((terminal) => [terminal.sessionId, terminal]));
    const panel = this.watchPanel();
    for (const key of shown) {
      const terminal = await this.bringBackOne(key, known);
      if (terminal && key === front) panel.bringToFront(terminal);
    }
  }

  private async bringBackOne(
    key: string,
    terminals: ReadonlyMap<string, TerminalInfo>,
  ): Promise<vscode.Terminal | undefined> {
    for (const kind of this.options.kinds) {
      const terminal = await kind.bringBack(key, terminals);
      if (terminal) return terminal;
    }
    return undefined;
  }

  /**
   * Brings a tab to the front as soon as the panel is known to be open, and never opens one that is closed. It is open
   * where a terminal is there at first, where one of ours is laid out, and where VS Code fills it with a shell of its
   * own, which may come after ours and is not what was in front.
   */
  private watchPanel(): { bringToFront(terminal: vscode.Terminal): void } {
    let isOpen = vscode.window.activeTerminal !== undefined;
    let front: vscode.Terminal | undefined;
    const opened = (): void => {
      isOpen = true;
      front?.show(true);
    };
    const layOut = this.options.onDidLayOut(() => {
      if (!isOpen) opened();
    });
    const unwanted = vscode.window.onDidChangeActiveTerminal((active) => {
      if (!active || this.keyOf(active) !== undefined) return;
      unwanted.dispose();
      opened();
    });
    const watching = this.store.add(vscode.Disposable.from(layOut, unwanted));
    this.store.add(this.options.clock.after(unwantedShellMs, () => void watching.dispose()));
    return {
      bringToFront: (terminal) => {
        front = terminal;
        if (isOpen) terminal.show(true);
      },
    };
  }

  private keyOf(terminal: vscode.Terminal): string | undefined {
    for (const kind of this.options.kinds) {
      const key = kind.keyOf(terminal);
      if (key !== undefined) return key;
    }
    return undefined;
  }

  private write(): void {
    // Before the terminals of the last time were read, there is nothing new worth forgetting them for.
    if (!this.isRestored || this.isWindowEnding) return;
    logFailure(this.options.log, 'Remembering the terminals', this.options.memory.write(this.present()));
  }

  private present(): ShownState {
    const { activeTerminal, terminals } = vscode.window;
    if (activeTerminal) this.front = this.keyOf(activeTerminal) ?? '';
    const keys = terminals.map((terminal) => this.keyOf(terminal)).filter((key) => key !== undefined);
    return { shown: [...new Set(keys)], front: this.front };
  }
}
