import * as vscode from 'vscode';
import { toDisposable, DisposableStore, type Disposable } from '../base/disposable.ts';
import { showError } from '../errors.ts';
import type { ServerSupervisor } from '../server/serverSupervisor.ts';
import { settingsPrefix } from '../settings.ts';
import { agentCommands } from './agentCommands.ts';
import { backupCommands } from './backupCommands.ts';
import { auditCommands } from './auditCommands.ts';
import type { CommandEntry, CommandServices } from './commandEntry.ts';
import { configurationCommands } from './configurationCommands.ts';
import { exchangeCommands } from './exchangeCommands.ts';
import { historyCommands } from './historyCommands.ts';
import { operationCommands } from './operationCommands.ts';
import { terminalCommands } from './terminalCommands.ts';

/** How long a command waits for a server that is starting or restarting. */
const waitMs = 10_000;

/** Every command by its id without the prefix. The manifest lists the same. */
export const commandTable: Readonly<Record<string, CommandEntry>> = {
  ...agentCommands,
  ...terminalCommands,
  ...historyCommands,
  ...exchangeCommands,
  ...configurationCommands,
  ...operationCommands,
  ...backupCommands,
  ...auditCommands,
};

/** Registers all commands. Whatever one of them throws is shown to the person; none fails in silence. */
export function registerCommands(services: CommandServices): Disposable {
  const store = new DisposableStore();
  for (const [name, entry] of Object.entries(commandTable)) {
    const run = (target?: unknown) => runCommand(entry, services, target);
    store.add(vscode.commands.registerCommand(`${settingsPrefix}.${name}`, run));
  }
  return toDisposable(() => store.dispose());
}

async function runCommand(entry: CommandEntry, services: CommandServices, target: unknown): Promise<void> {
  try {
    if (entry.withoutServer === 'waits') await waitForServer(services.supervisor);
    await entry.run(services, target);
  } catch (error) {
    showError(error, services.log);
  }
}

async function waitForServer(supervisor: ServerSupervisor): Promise<void> {
  if (supervisor.usableServer) return;
  const title = vscode.l10n.t('Waiting for the AI Assistant server');
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () =>
    supervisor.whenUsable(waitMs),
  );
}
