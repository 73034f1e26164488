import * as vscode from 'vscode';
import type { ServerState } from '../../server/protocol/panelBridge.ts';
import { DisposableStore, type Disposable } from './base/disposable.ts';
import { describeFailure, describeState, describeTroubles } from './serverMessages.ts';
import type { ServerStatus } from './server/serverStatus.ts';
import type { ServerSupervisor } from './server/serverSupervisor.ts';
import { settingsPrefix } from './settings.ts';

/** Shown when the status bar item is clicked; not in the palette, which has these commands by themselves. */
const menuCommand = 'aiDevAssistant.showStatusMenu';

const icons: Readonly<Record<ServerState, string>> = {
  starting: '$(loading~spin)',
  ready: '$(sparkle)',
  recovered: '$(sparkle)',
  degraded: '$(warning)',
  restarting: '$(sync~spin)',
  stopped: '$(error)',
};

/** The server's state at the foot of the window, with the particulars on hovering and a menu on a click. */
export class StatusBar implements Disposable {
  private readonly store = new DisposableStore();
  private readonly item: vscode.StatusBarItem;
  private shown = '';

  constructor(supervisor: ServerSupervisor) {
    this.item = this.store.add(
      vscode.window.createStatusBarItem('aiDevAssistant.status', vscode.StatusBarAlignment.Right, 100),
    );
    this.item.name = vscode.l10n.t('AI Assistant');
    this.item.command = menuCommand;
    this.store.add(vscode.commands.registerCommand(menuCommand, showMenu));
    this.store.add(supervisor.onChanged((status) => this.update(status)));
    this.store.add(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(settingsPrefix)) this.update(supervisor.status);
      }),
    );
    this.update(supervisor.status);
    this.item.show();
  }

  dispose(): void {
    this.store.dispose();
  }

  private update(status: ServerStatus): void {
    const tooltip = describe(status);
    // Reports come every few seconds and mostly say the same.
    const all = `${status.state}\n${tooltip}`;
    if (all === this.shown) return;
    this.shown = all;
    const label = vscode.l10n.t('AI Assistant');
    this.item.text = `${icons[status.state]} ${label}`;
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: `${label}: ${describeState(status.state)}` };
    this.item.backgroundColor = backgroundOf(status.state);
  }
}

function backgroundOf(state: ServerState): vscode.ThemeColor | undefined {
  if (state === 'stopped') return new vscode.ThemeColor('statusBarItem.errorBackground');
  return state === 'degraded' ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
}

function describe({ state, version, readyAt, restarts, health, failure }: ServerStatus): string {
  const model = vscode.workspace.getConfiguration(settingsPrefix).get<string>('model.default', '');
  return [
    vscode.l10n.t('AI Assistant server: {0}', describeState(state)),
    ...(failure ? [describeFailure(failure)] : []),
    ...describeTroubles(health),
    ...(version === undefined ? [] : [vscode.l10n.t('Version {0}', version)]),
    ...(readyAt === undefined ? [] : [vscode.l10n.t('Running for {0}', describeDuration(Date.now() - readyAt))]),
    vscode.l10n.t('Restarts: {0}', restarts),
    vscode.l10n.t('Model: {0}', model === '' ? vscode.l10n.t('chosen by itself') : model),
  ].join('\n');
}

function describeDuration(durationMs: number): string {
  const minutes = Math.floor(durationMs / 60_000);
  if (minutes < 1) return vscode.l10n.t('less than a minute');
  if (minutes < 120) return vscode.l10n.t('{0} min', minutes);
  return vscode.l10n.t('{0} h', Math.floor(minutes / 60));
}

async function showMenu(): Promise<void> {
  const entries = [
    { label: `$(comment-discussion) ${vscode.l10n.t('Open Agents')}`, command: 'openAgentPanel' },
    { label: `$(terminal) ${vscode.l10n.t('New Terminal')}`, command: 'newTerminal' },
    { label: `$(symbol-misc) ${vscode.l10n.t('Select Model')}`, command: 'selectModel' },
    { label: `$(output) ${vscode.l10n.t('Show Log')}`, command: 'showLog' },
    { label: `$(debug-restart) ${vscode.l10n.t('Restart Server')}`, command: 'restartServer' },
  ];
  const picked = await vscode.window.showQuickPick(entries, { title: vscode.l10n.t('AI Assistant') });
  if (picked) await vscode.commands.executeCommand(`${settingsPrefix}.${picked.command}`);
}
