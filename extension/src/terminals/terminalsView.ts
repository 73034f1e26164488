import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { logFailure } from '../log.ts';
import { isUsable } from '../server/serverStatus.ts';
import type { ServerSupervisor } from '../server/serverSupervisor.ts';
import { TerminalTree, type TerminalNode, type TerminalTreeOptions } from './terminalTree.ts';

const viewId = 'aiDevAssistant.terminals';

export interface TerminalsViewOptions extends TerminalTreeOptions {
  readonly supervisor: Pick<ServerSupervisor, 'status' | 'onChanged'>;
}

/** The view "Terminals", with the number of those that wait for the person, and a text while there are none. */
export class TerminalsView implements Disposable {
  private readonly options: TerminalsViewOptions;
  private readonly store = new DisposableStore();
  private readonly view: vscode.TreeView<TerminalNode>;
  private shownContext = '';

  constructor(options: TerminalsViewOptions) {
    this.options = options;
    const { supervisor, list } = options;
    const treeDataProvider = this.store.add(new TerminalTree(options));
    this.view = this.store.add(vscode.window.createTreeView(viewId, { treeDataProvider }));
    this.store.add(
      list.onChanged(() => {
        this.showBadge();
        this.tellState();
      }),
    );
    this.store.add(supervisor.onChanged(() => this.tellState()));
    this.tellState();
  }

  dispose(): void {
    this.store.dispose();
  }

  /** How many terminals wait is seen at the icon of the container, also while the view is hidden. */
  private showBadge(): void {
    const waiting = this.options.list.all.filter((terminal) => terminal.status === 'active' && terminal.waitsForInput);
    if (waiting.length === (this.view.badge?.value ?? 0)) return;
    const tooltip =
      waiting.length === 1
        ? vscode.l10n.t('1 terminal waits for input')
        : vscode.l10n.t('{0} terminals wait for input', waiting.length);
    this.view.badge = waiting.length === 0 ? undefined : { value: waiting.length, tooltip };
  }

  /** For the manifest, which has a text for each state in which the view is empty. */
  private tellState(): void {
    const { list, supervisor, log } = this.options;
    const { state } = supervisor.status;
    const isKnown = isUsable(state) && list.isComplete;
    const context = state === 'stopped' ? 'stopped' : isKnown ? 'ready' : 'starting';
    if (context === this.shownContext) return;
    this.shownContext = context;
    const told = vscode.commands.executeCommand('setContext', 'aiDevAssistant.terminalList', context);
    logFailure(log, 'Telling VS Code the state of the server', told);
  }
}
