import * as vscode from 'vscode';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { PanelBridge, type PanelServices } from './panelBridge.ts';
import { renderPage, webviewOptions } from './panelHost.ts';

const viewType = 'aiDevAssistant.terminalPanel';

/** Terminals in the editor area: the same sessions as in VS Code's terminal panel, drawn by xterm.js in a webview. */
export class TerminalPanels implements vscode.WebviewPanelSerializer, Disposable {
  private readonly services: PanelServices;
  private readonly store = new DisposableStore();
  private readonly panels = new Map<string, vscode.WebviewPanel>();

  constructor(services: PanelServices) {
    this.services = services;
    this.store.add(vscode.window.registerWebviewPanelSerializer(viewType, this));
    this.store.add(
      services.client.onNotification('terminal/changed', ({ sessionId, terminal }) => {
        const panel = this.panels.get(sessionId);
        if (panel && terminal) panel.title = terminal.name;
      }),
    );
  }

  /** Shows a terminal in the editor area. */
  open(terminalId: TerminalId, name: string): void {
    const present = this.panels.get(terminalId);
    if (present) {
      present.reveal();
      return;
    }
    const { extensionUri } = this.services;
    const panel = vscode.window.createWebviewPanel(
      viewType,
      name,
      vscode.ViewColumn.Active,
      webviewOptions(extensionUri),
    );
    this.fill(panel, terminalId);
  }

  /** Brings a panel back after a reload. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { terminalId } = (state ?? {}) as { terminalId?: unknown };
    if (typeof terminalId === 'string') {
      this.fill(panel, terminalId as TerminalId);
    } else {
      // The window was reloaded before the panel knew its terminal: it has nothing to show.
      this.services.log.warn('A terminal panel without a terminal is not brought back.');
      panel.dispose();
    }
    return Promise.resolve();
  }

  dispose(): void {
    this.store.dispose();
    for (const panel of this.panels.values()) panel.dispose();
  }

  private fill(panel: vscode.WebviewPanel, terminalId: TerminalId): void {
    const { extensionUri } = this.services;
    const bridge = new PanelBridge(panel.webview, this.services, terminalId);
    this.panels.set(terminalId, panel);
    panel.onDidChangeViewState(() => {
      if (!panel.visible) bridge.pageGone();
    });
    panel.onDidDispose(() => {
      bridge.dispose();
      if (this.panels.get(terminalId) === panel) this.panels.delete(terminalId);
    });
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'extension', 'media', 'icon.svg');
    panel.webview.options = webviewOptions(extensionUri);
    panel.webview.html = renderPage(panel.webview, extensionUri, 'terminalPanel');
  }
}
