import * as vscode from 'vscode';
import type { SettingKey } from '../../server/protocol/settings.ts';
import type { WorkspaceState } from '../../server/protocol/server.ts';
import type { Disposable } from './base/disposable.ts';
import type { ServerClient } from './server/serverClient.ts';

export const settingsPrefix = 'aiDevAssistant';

/** Listed as an object so that the compiler notices a key that is missing or unknown. */
const settingKeys: Readonly<Record<SettingKey, true>> = {
  'model.default': true,
  'providers.openai.baseUrl': true,
  'providers.ollama.baseUrl': true,
  'providers.openaiCompatible.baseUrl': true,
  'terminals.max': true,
  'terminals.keepAliveHours': true,
  'agent.maxStepsPerTurn': true,
  'agent.maxMinutesPerTurn': true,
  'log.level': true,
};

/** The server's settings as VS Code resolves them: defaults, the person's, and those of a trusted workspace. */
export function readSettings(): Record<string, unknown> {
  const configuration = vscode.workspace.getConfiguration(settingsPrefix);
  return Object.fromEntries(Object.keys(settingKeys).map((key) => [key, configuration.get<unknown>(key)]));
}

/** The folders on disk that are open in this window, and whether the person trusts them. */
export function readWorkspace(): WorkspaceState {
  const folders = (vscode.workspace.workspaceFolders ?? [])
    .filter(({ uri }) => uri.scheme === 'file')
    .map(({ uri, name }) => ({ path: uri.fsPath, name }));
  return { folders, trusted: vscode.workspace.isTrusted };
}

/** Tells the server what changes in settings, folders and trust. A server that starts later is told at its start. */
export function pushChanges(client: Pick<ServerClient, 'notify'>): Disposable {
  const pushWorkspace = (): void => client.notify('workspace/changed', readWorkspace());
  const pushSettings = (): void => client.notify('settings/changed', { settings: readSettings() });
  return vscode.Disposable.from(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(settingsPrefix)) pushSettings();
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(pushWorkspace),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      pushWorkspace();
      // Settings of the workspace that were held back count from now on.
      pushSettings();
    }),
  );
}
