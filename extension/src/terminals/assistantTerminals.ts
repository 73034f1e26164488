import * as vscode from 'vscode';
import type { ParamsOf } from '../../../server/protocol/contract.ts';
import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { describeError, logFailure } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import { AssistantTerminal, type TerminalOrigin, type TerminalServices } from './assistantTerminal.ts';
import { leaseMs, type ShownState, type ShownTerminals } from './shownTerminals.ts';
import type { TerminalList } from './terminalList.ts';
import { WindowLease } from './windowLease.ts';

export const profileId = 'aiDevAssistant.terminal';

/**
 * Windows that seem to be open at first are looked at again, so often and for so long: at a reload the process of the
 * window before ends only after this one has begun, and a lost window has a lease to run out.
 */
const lookAgainMs = 500;
const lookForMs = leaseMs + 15_000;

export interface AssistantTerminalsOptions extends TerminalServices {
  readonly client: Pick<ServerClient, 'request' | 'onNewServer' | 'onNotification'>;
  readonly memory: ShownTerminals;
  readonly list: TerminalList;
}

/**
 * The terminals of a person in VS Code's terminal panel. VS Code does not bring back a pseudoterminal after a reload,
 * so those that were shown are made anew on the terminals that went on living.
 */
export class AssistantTerminals implements Disposable {
  private readonly options: AssistantTerminalsOptions;
  private readonly store = new DisposableStore();
  private readonly shown = new Map<vscode.Terminal, AssistantTerminal>();
  /** Those whose VS Code terminal has not been reported yet. */
  private readonly awaited = new Set<AssistantTerminal>();
  private isRestored = false;
  private isLooking = false;
  private nextLook: Disposable | undefined;
  private front = '';

  constructor(options: AssistantTerminalsOptions) {
    this.options = options;
    this.store.add(
      vscode.window.registerTerminalProfileProvider(profileId, {
        provideTerminalProfile: () => new vscode.TerminalProfile(this.optionsFor(this.newShell())),
      }),
    );
    this.store.add(vscode.window.onDidOpenTerminal((terminal) => this.opened(terminal)));
    this.store.add(vscode.window.onDidCloseTerminal((terminal) => this.closed(terminal)));
    this.store.add(vscode.window.onDidChangeActiveTerminal(() => this.rememberFront()));
    this.store.add(options.client.onNewServer(() => this.restore()));
    this.store.add(options.list.onChanged((terminal) => terminal && this.changed(terminal)));
    const { clock, log, memory } = options;
    const askWindow = () => vscode.commands.executeCommand('setContext', 'aiDevAssistant.isWindowOpen', true);
    this.store.add(new WindowLease({ clock, log, askWindow, renew: () => memory.renew() }));
  }

  /** Starts a shell and shows it. */
  create(params: ParamsOf<'terminal/create'> = {}): void {
    vscode.window.createTerminal(this.optionsFor(this.newShell(params))).show();
  }

  /** Shows a terminal that is there already. */
  attach(terminal: TerminalInfo): void {
    (this.find(terminal.sessionId) ?? this.show(terminal)).show();
  }

  /** The id of the terminal in front, if it is one of ours. */
  get activeId(): TerminalId | undefined {
    const active = vscode.window.activeTerminal;
    return active && this.shown.get(active)?.sessionId;
  }

  /** Ends a terminal's program, or several. */
  async kill(sessionIds: readonly TerminalId[]): Promise<void> {
    await Promise.all(sessionIds.map((sessionId) => this.options.client.request('terminal/close', { sessionId })));
  }

  async list(): Promise<readonly TerminalInfo[]> {
    return (await this.options.client.request('terminal/list', {})).terminals;
  }

  dispose(): void {
    this.store.dispose();
    this.nextLook?.dispose();
    logFailure(this.options.log, 'Leaving the terminals to the next window', this.options.memory.release());
  }

  /** The shell that the person has chosen in VS Code, where VS Code knows one. */
  newShellParams(): Pick<ParamsOf<'terminal/create'>, 'shell'> {
    return vscode.env.shell === '' ? {} : { shell: vscode.env.shell };
  }

  private newShell(params: ParamsOf<'terminal/create'> = {}): AssistantTerminal {
    return this.make({ kind: 'create', params: { ...this.newShellParams(), ...params } });
  }

  private show(terminal: TerminalInfo): vscode.Terminal {
    const pty = this.make({ kind: 'attach', terminal });
    const shown = vscode.window.createTerminal(this.optionsFor(pty, terminal.name));
    // Known at once, so that a second click finds it before VS Code has opened it.
    this.opened(shown);
    return shown;
  }

  private make(origin: TerminalOrigin): AssistantTerminal {
    const terminal = new AssistantTerminal(this.options, origin);
    terminal.onDidIdentify(() => this.write());
    this.awaited.add(terminal);
    return terminal;
  }

  private optionsFor(pty: AssistantTerminal, name = vscode.l10n.t('AI Assistant')): vscode.ExtensionTerminalOptions {
    return { name, pty, iconPath: new vscode.ThemeIcon('terminal') };
  }

  private opened(terminal: vscode.Terminal): void {
    const pty = ptyOf(terminal);
    if (!pty || !this.awaited.delete(pty)) return;
    this.shown.set(terminal, pty);
    this.write();
  }

  private changed(terminal: TerminalInfo): void {
    for (const pty of [...this.shown.values(), ...this.awaited]) {
      if (pty.sessionId === terminal.sessionId) pty.update(terminal);
    }
  }

  private closed(terminal: vscode.Terminal): void {
    const pty = this.shown.get(terminal);
    if (!pty) return;
    this.shown.delete(terminal);
    const reason = terminal.exitStatus?.reason;
    // The window closes or reloads: the shell goes on and is shown again.
    if (reason === vscode.TerminalExitReason.Shutdown) return;
    this.write();
    const { sessionId } = pty;
    // What an agent runs is the agent's: it ends by itself, or when it is asked to, and not with one of its views.
    if (!sessionId || pty.isOfAgent || reason === vscode.TerminalExitReason.Extension) return;
    const { client, log } = this.options;
    client.request('terminal/close', { sessionId }).then(undefined, (error: unknown) => {
      log.debug(`Terminal ${sessionId} was not closed: ${describeError(error)}`);
    });
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
    const left = await this.options.memory.takeOver();
    const wanted = new Set(left.shown);
    // VS Code fills an open terminal panel with a shell of its own before we can; one that is closed stays closed.
    const isPanelOpen = vscode.window.activeTerminal !== undefined;
    for (const terminal of wanted.size === 0 ? [] : await this.list()) {
      const { sessionId, status } = terminal;
      if (!wanted.has(sessionId) || status !== 'active' || this.find(sessionId)) continue;
      const shown = this.show(terminal);
      if (sessionId === left.front && isPanelOpen) shown.show(true);
    }
    const isFirst = !this.isRestored;
    this.isRestored = true;
    if (isFirst || wanted.size > 0) await this.options.memory.write(this.present());
    await left.taken();
    return left.openWindows > 0;
  }

  private rememberFront(): void {
    // No terminal at all is what a closing window looks like.
    if (vscode.window.activeTerminal) this.write();
  }

  private find(sessionId: TerminalId): vscode.Terminal | undefined {
    return [...this.shown].find(([, pty]) => pty.sessionId === sessionId)?.[0];
  }

  private write(): void {
    // Before the terminals of the last time were read, there is nothing new worth forgetting them for.
    if (!this.isRestored) return;
    logFailure(this.options.log, 'Remembering the terminals', this.options.memory.write(this.present()));
  }

  private present(): ShownState {
    if (vscode.window.activeTerminal) this.front = this.activeId ?? '';
    const all = [...this.shown.values(), ...this.awaited];
    return { shown: [...new Set(all.flatMap((pty) => pty.sessionId ?? []))], front: this.front };
  }
}

function ptyOf(terminal: vscode.Terminal): AssistantTerminal | undefined {
  const pty = 'pty' in terminal.creationOptions ? terminal.creationOptions.pty : undefined;
  return pty instanceof AssistantTerminal ? pty : undefined;
}
