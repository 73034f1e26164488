import * as vscode from 'vscode';
import type { DoorSettingKey, SettingKey } from '../../server/protocol/settings.ts';
import type { WorkspaceState } from '../../server/protocol/server.ts';
import type { Disposable } from './base/disposable.ts';
import { editorTerminalsSection, readEditorTerminals } from './editorTerminals.ts';
import type { ServerClient } from './server/serverClient.ts';

export const settingsPrefix = 'aiDevAssistant';

/** Listed as an object so that the compiler notices a key that is missing or unknown. */
const settingKeys: Readonly<Record<Exclude<SettingKey, DoorSettingKey>, true>> = {
  'model.default': true,
  'providers.openai.baseUrl': true,
  'providers.ollama.baseUrl': true,
  'providers.openaiCompatible.baseUrl': true,
  'terminals.max': true,
  'terminals.keepAliveHours': true,
  'terminals.shellIntegration': true,
  'limits.terminalPerSecond': true,
  'terminals.scrollbackLines': true,
  'agent.maxStepsPerTurn': true,
  'agent.maxMinutesPerTurn': true,
  'cache.enabled': true,
  'cache.memoryMegabytes': true,
  'cache.diskMegabytes': true,
  'audit.retentionDays': true,
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

/** What the server is told of this window: its folders, and how it starts terminals. */
export function describeWorkspace(): WorkspaceState {
  return { ...readWorkspace(), terminals: readEditorTerminals() };
}

/**
 * Tells the server what changes in settings, folders and trust. What changes while a server starts may have come too
 * late for its handshake and too early for a notification, so a new server is told once more.
 */
export function pushChanges(client: Pick<ServerClient, 'notify' | 'onNewServer'>): Disposable {
  let hasChanged = false;
  const push = (): void => {
    client.notify('workspace/changed', describeWorkspace());
    // Settings of the workspace are held back until it is trusted, so they may change with it.
    client.notify('settings/changed', { settings: readSettings() });
  };
  const changed = (): void => {
    hasChanged = true;
    push();
  };
  return vscode.Disposable.from(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if ([settingsPrefix, editorTerminalsSection].some((section) => event.affectsConfiguration(section))) changed();
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(changed),
    vscode.workspace.onDidGrantWorkspaceTrust(changed),
    vscode.env.onDidChangeShell(changed),
    client.onNewServer(() => {
      if (hasChanged) push();
    }),
  );
}
