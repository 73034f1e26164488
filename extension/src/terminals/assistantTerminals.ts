import * as vscode from 'vscode';
import type { ParamsOf } from '../../../server/protocol/contract.ts';
import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { describeError, logFailure } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import { AssistantTerminal, type TerminalOrigin, type TerminalServices } from './assistantTerminal.ts';
import type { TerminalList } from './terminalList.ts';
import type { TabKind } from './terminalTabs.ts';

export const profileId = 'aiDevAssistant.terminal';

export interface AssistantTerminalsOptions extends TerminalServices {
  readonly client: Pick<ServerClient, 'request'>;
  readonly list: TerminalList;
}

/** The terminals of a person in VS Code's terminal panel, and whatever else a person wants to see there. */
export class AssistantTerminals implements TabKind, Disposable {
  private readonly options: AssistantTerminalsOptions;
  private readonly store = new DisposableStore();
  private readonly shown = new Map<vscode.Terminal, AssistantTerminal>();
  /** Those whose VS Code terminal has not been reported yet. */
  private readonly awaited = new Set<AssistantTerminal>();
  private readonly identified = this.store.add(new vscode.EventEmitter<TerminalId>());
  readonly onDidIdentify = this.identified.event;
  private readonly shownChanged = this.store.add(new vscode.EventEmitter<void>());
  /** Fires when `isShown` may answer otherwise. */
  readonly onDidChangeShown = this.shownChanged.event;
  private isInFront = false;

  constructor(options: AssistantTerminalsOptions) {
    this.options = options;
    this.identified.event(() => this.changedShown());
    this.store.add(vscode.window.onDidChangeActiveTerminal(() => this.changedShown()));
    this.store.add(
      vscode.window.registerTerminalProfileProvider(profileId, {
        provideTerminalProfile: () => new vscode.TerminalProfile(this.optionsFor(this.newShell())),
      }),
    );
    this.store.add(vscode.window.onDidOpenTerminal((terminal) => this.opened(terminal)));
    this.store.add(vscode.window.onDidCloseTerminal((terminal) => this.closed(terminal)));
    this.store.add(options.list.onChanged((terminal) => terminal && this.changed(terminal)));
  }

  /** Starts a shell and shows it. */
  create(params: ParamsOf<'terminal/create'> = {}): void {
    vscode.window.createTerminal(this.optionsFor(this.newShell(params))).show();
  }

  /** Shows a terminal that is there already. */
  attach(terminal: TerminalInfo): void {
    (this.find(terminal.sessionId) ?? this.show(terminal)).show();
  }

  /** Makes a tab for a terminal that is there already, where it has none, and leaves in front what is in front. */
  attachBehind(terminal: TerminalInfo): void {
    if (!this.find(terminal.sessionId)) this.show(terminal);
  }

  keyOf(terminal: vscode.Terminal): TerminalId | undefined {
    return this.shown.get(terminal)?.sessionId;
  }

  bringBack(key: string, terminals: ReadonlyMap<string, TerminalInfo>): Promise<vscode.Terminal | undefined> {
    const terminal = terminals.get(key);
    const mayBeShown = terminal?.status === 'active' && !this.find(terminal.sessionId);
    return Promise.resolve(mayBeShown ? this.show(terminal) : undefined);
  }

  /** The id of the terminal in front, if it is one of ours. */
  get activeId(): TerminalId | undefined {
    const active = vscode.window.activeTerminal;
    return active && this.shown.get(active)?.sessionId;
  }

  /** The terminal of a tab that a menu was opened on, or, where it is no tab, of the one in front. */
  idOfTab(target: unknown): TerminalId | undefined {
    const tab = vscode.window.terminals.find((terminal) => terminal === target);
    return tab ? this.keyOf(tab) : this.activeId;
  }

  /** Whether a tab of this window shows it. */
  isShown(sessionId: TerminalId): boolean {
    return this.find(sessionId) !== undefined;
  }

  /** Closes the tab that shows a terminal, whose shell goes on; false where there is none. */
  detach(sessionId: TerminalId): boolean {
    const shown = this.find(sessionId);
    shown?.dispose();
    return shown !== undefined;
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
  }

  private newShell(params: ParamsOf<'terminal/create'> = {}): AssistantTerminal {
    return this.make({ kind: 'create', params });
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
    terminal.onDidIdentify((sessionId) => this.identified.fire(sessionId));
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
    this.changedShown();
  }

  private changedShown(): void {
    this.shownChanged.fire();
    const active = vscode.window.activeTerminal;
    const isInFront = active !== undefined && this.shown.has(active);
    if (isInFront === this.isInFront) return;
    this.isInFront = isInFront;
    // For the menus of terminals, which say nothing else of whose terminal they are opened on.
    const told = vscode.commands.executeCommand('setContext', 'aiDevAssistant.isTerminalInFront', isInFront);
    logFailure(this.options.log, 'Telling VS Code whose terminal is in front', told);
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
    this.changedShown();
    const reason = terminal.exitStatus?.reason;
    // The window closes or reloads: the shell goes on and is shown again.
    if (reason === vscode.TerminalExitReason.Shutdown) return;
    const { sessionId } = pty;
    // What an agent runs is the agent's: it ends by itself, or when it is asked to, and not with one of its views.
    if (!sessionId || pty.isOfAgent) return;
    // A tab that closed by itself because it could not show its terminal says nothing of the shell, which goes on.
    if (reason !== vscode.TerminalExitReason.User && !pty.hasEnded) return;
    const { client, hub, log } = this.options;
    // VS Code says so as well, earlier or later; from now on this tab is none of the terminal's viewers.
    pty.close();
    if (hub.isWatched(sessionId)) return;
    client.request('terminal/close', { sessionId, unlessWatched: true }).then(undefined, (error: unknown) => {
      log.debug(`Terminal ${sessionId} was not closed: ${describeError(error)}`);
    });
  }

  private find(sessionId: TerminalId): vscode.Terminal | undefined {
    return [...this.shown].find(([, pty]) => pty.sessionId === sessionId)?.[0];
  }
}

function ptyOf(terminal: vscode.Terminal): AssistantTerminal | undefined {
  const pty = 'pty' in terminal.creationOptions ? terminal.creationOptions.pty : undefined;
  return pty instanceof AssistantTerminal ? pty : undefined;
}
