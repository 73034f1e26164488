import * as vscode from 'vscode';
import { toDisposable, DisposableStore, type Disposable } from '../base/disposable.ts';
import { showError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AgentPanelView } from '../panels/agentPanelView.ts';
import type { TerminalPanels } from '../panels/terminalPanel.ts';
import type { Secrets } from '../secrets.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { ServerSupervisor } from '../server/serverSupervisor.ts';
import { settingsPrefix } from '../settings.ts';
import type { AssistantTerminals } from '../terminals/assistantTerminals.ts';
import { agentCommands } from './agentCommands.ts';
import { configurationCommands } from './configurationCommands.ts';
import { operationCommands } from './operationCommands.ts';
import { terminalCommands } from './terminalCommands.ts';

export interface CommandServices {
  readonly supervisor: ServerSupervisor;
  readonly client: ServerClient;
  readonly agentPanel: AgentPanelView;
  readonly terminals: AssistantTerminals;
  readonly terminalPanels: TerminalPanels;
  readonly secrets: Secrets;
  readonly log: vscode.LogOutputChannel;
}

export interface CommandEntry {
  /**
   * What the command does while no server runs. `works`: the same, it needs none. `waits`: it waits until the server is
   * back, for 10 seconds, and then says that it is not.
   */
  readonly withoutServer: 'works' | 'waits';
  readonly run: (services: CommandServices) => Promise<void> | void;
}

/** How long a command waits for a server that is starting or restarting. */
const waitMs = 10_000;

/** Every command by its id without the prefix. The manifest lists the same. */
export const commandTable: Readonly<Record<string, CommandEntry>> = {
  ...agentCommands,
  ...terminalCommands,
  ...configurationCommands,
  ...operationCommands,
};

/** Registers all commands. Whatever one of them throws is shown to the person; none fails in silence. */
export function registerCommands(services: CommandServices): Disposable {
  const store = new DisposableStore();
  for (const [name, entry] of Object.entries(commandTable)) {
    store.add(vscode.commands.registerCommand(`${settingsPrefix}.${name}`, () => runCommand(entry, services)));
  }
  return toDisposable(() => store.dispose());
}

async function runCommand(entry: CommandEntry, services: CommandServices): Promise<void> {
  try {
    if (entry.withoutServer === 'waits') await waitForServer(services.supervisor);
    await entry.run(services);
  } catch (error) {
    showError(error, services.log satisfies Log);
  }
}

async function waitForServer(supervisor: ServerSupervisor): Promise<void> {
  if (supervisor.usableServer) return;
  const title = vscode.l10n.t('Waiting for the AI Assistant server');
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () =>
    supervisor.whenUsable(waitMs),
  );
}
