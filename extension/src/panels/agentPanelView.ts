import * as vscode from 'vscode';
import type { Disposable } from '../base/disposable.ts';
import { PanelBridge, type PanelServices, type Wish } from './panelBridge.ts';
import { renderPage, webviewOptions } from './panelHost.ts';

/** Wishes that wait until VS Code has made the view. */
const maxWaitingWishes = 20;
const viewId = 'aiDevAssistant.agents';

/** The view "Agents" in the side bar. VS Code drops it while it is hidden; shown again it takes a new snapshot. */
export class AgentPanelView implements vscode.WebviewViewProvider, Disposable {
  private readonly services: PanelServices;
  private readonly registration: Disposable;
  private bridge: PanelBridge | undefined;
  private readonly waitingWishes: Wish[] = [];

  constructor(services: PanelServices) {
    this.services = services;
    this.registration = vscode.window.registerWebviewViewProvider(viewId, this);
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    const { extensionUri } = this.services;
    this.bridge?.dispose();
    const bridge = new PanelBridge(view.webview, this.services);
    this.bridge = bridge;
    view.onDidChangeVisibility(() => {
      if (!view.visible) bridge.pageGone();
    });
    view.onDidDispose(() => {
      bridge.dispose();
      if (this.bridge === bridge) this.bridge = undefined;
    });
    view.webview.options = webviewOptions(extensionUri);
    view.webview.html = renderPage(view.webview, extensionUri, 'agentPanel');
    for (const wish of this.waitingWishes.splice(0)) bridge.wish(wish);
  }

  /** Shows the view, with the keyboard in it. */
  async show(): Promise<void> {
    await vscode.commands.executeCommand(`${viewId}.focus`);
  }

  /** Shows the view and asks it to do something. */
  async ask(wish: Wish): Promise<void> {
    if (this.bridge) this.bridge.wish(wish);
    else if (this.waitingWishes.length < maxWaitingWishes) this.waitingWishes.push(wish);
    await this.show();
  }

  dispose(): void {
    this.registration.dispose();
    this.bridge?.dispose();
  }
}
