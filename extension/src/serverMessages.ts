import * as vscode from 'vscode';
import type { ServerState } from '../../server/protocol/panelBridge.ts';
import { replacedMessage } from './errors.ts';
import { logFailure, type Log } from './log.ts';
import type { HealthReport } from './server/healthMonitor.ts';
import type { ServerFailure } from './server/serverStatus.ts';
import type { ServerSupervisor } from './server/serverSupervisor.ts';

/** Why the server stays down, for the person. */
export function describeFailure({ kind, detail }: ServerFailure): string {
  switch (kind) {
    case 'incompatible':
      return vscode.l10n.t(
        'The AI Assistant server does not fit this extension: {0}. Reload the window; if that does not help, install the extension again.',
        detail,
      );
    case 'handshakeFailed':
      return vscode.l10n.t('The AI Assistant server could not be started in three attempts: {0}.', detail);
    case 'crashedTooOften':
      return vscode.l10n.t(
        'The AI Assistant server failed five times within three minutes and stays down: {0}.',
        detail,
      );
  }
}

/** What the server says is not as it should be while it runs, a sentence each. */
export function describeTroubles(health: HealthReport | undefined): string[] {
  return Object.entries(health?.components ?? {}).flatMap(([name, { status, message }]) =>
    status === 'degraded' ? [message ?? vscode.l10n.t('{0} works only in part.', name)] : [],
  );
}

/** The state in a word or two. */
export function describeState(state: ServerState): string {
  switch (state) {
    case 'starting':
      return vscode.l10n.t('starting');
    case 'ready':
      return vscode.l10n.t('ready');
    case 'recovered':
      return vscode.l10n.t('ready again after a failure');
    case 'degraded':
      return vscode.l10n.t('running with reduced function');
    case 'restarting':
      return vscode.l10n.t('restarting');
    case 'stopped':
      return vscode.l10n.t('stopped');
  }
}

/** Shows one message each time the supervision gives up, and one in a window when an update has replaced what runs. */
export function announceFailures(supervisor: Pick<ServerSupervisor, 'onChanged'>, log: Log): { dispose: () => void } {
  let announced: ServerFailure | undefined;
  let isReplaced = false;
  return supervisor.onChanged(({ failure, health }) => {
    if (!isReplaced && health?.components['installation']?.status === 'degraded') {
      isReplaced = true;
      logFailure(log, 'Showing that a new version is there', announceReplacement());
    }
    if (failure && failure !== announced) logFailure(log, 'Showing why the server stays down', announce(failure));
    announced = failure;
  });
}

async function announceReplacement(): Promise<void> {
  const reload = vscode.l10n.t('Reload Window');
  const answer = await vscode.window.showWarningMessage(replacedMessage(), reload);
  if (answer === reload) await vscode.commands.executeCommand('workbench.action.reloadWindow');
}

async function announce(failure: ServerFailure): Promise<void> {
  const showLog = vscode.l10n.t('Show Log');
  const restart = vscode.l10n.t('Restart');
  const answer = await vscode.window.showErrorMessage(describeFailure(failure), restart, showLog);
  if (answer === restart) await vscode.commands.executeCommand('aiDevAssistant.restartServer');
  if (answer === showLog) await vscode.commands.executeCommand('aiDevAssistant.showLog');
}
