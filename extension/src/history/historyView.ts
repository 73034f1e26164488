import * as vscode from 'vscode';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { ConversationHistory } from './conversationHistory.ts';
import { HistoryTree, showOlderCommand, unopenableScheme } from './historyTree.ts';

const viewId = 'aiDevAssistant.history';

/** The view "History". It lists when it is shown, and again whenever it is shown after having been hidden. */
export class HistoryView implements Disposable {
  private readonly store = new DisposableStore();
  private hasBeenShown = false;

  constructor(history: ConversationHistory, clock: Clock) {
    const treeDataProvider = this.store.add(new HistoryTree(history, clock));
    const view = this.store.add(vscode.window.createTreeView(viewId, { treeDataProvider }));
    this.store.add(vscode.window.registerFileDecorationProvider({ provideFileDecoration: greyedOut }));
    this.store.add(vscode.commands.registerCommand(showOlderCommand, () => history.showOlder()));
    this.store.add(vscode.workspace.onDidChangeWorkspaceFolders(() => history.refresh()));
    this.store.add(
      view.onDidChangeVisibility(({ visible }) => {
        // Another window may have written something meanwhile, of which this one's server tells nothing by itself.
        if (visible && this.hasBeenShown) history.refresh();
        this.hasBeenShown ||= visible;
      }),
    );
  }

  dispose(): void {
    this.store.dispose();
  }
}

function greyedOut({ scheme }: vscode.Uri): vscode.FileDecoration | undefined {
  if (scheme !== unopenableScheme) return undefined;
  return new vscode.FileDecoration(undefined, undefined, new vscode.ThemeColor('disabledForeground'));
}
