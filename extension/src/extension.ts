import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import * as vscode from 'vscode';
import type { InitializationOptions } from '../../server/protocol/server.ts';
import { contractVersion } from '../../server/protocol/version.ts';
import { createApi, type AssistantApi } from './api.ts';
import { systemClock } from './base/clock.ts';
import { registerCommands } from './commands/commandTable.ts';
import { createEditorHandlers } from './editor/editorHandlers.ts';
import { ConversationHistory } from './history/conversationHistory.ts';
import { HistoryView } from './history/historyView.ts';
import { showIndexProgress } from './history/indexProgress.ts';
import { AgentPanelView } from './panels/agentPanelView.ts';
import { TerminalPanels } from './panels/terminalPanel.ts';
import { findRipgrep } from './ripgrep.ts';
import { Secrets } from './secrets.ts';
import type * as LanguageClientBundle from './server/languageClient.ts';
import { ServerClient } from './server/serverClient.ts';
import { createServerLauncher } from './server/serverLauncher.ts';
import { announceFailures } from './serverMessages.ts';
import { ServerSupervisor } from './server/serverSupervisor.ts';
import { describeWorkspace, pushChanges, readSettings, readWorkspace } from './settings.ts';
import { StatusBar } from './statusBar.ts';
import { ShownTerminals } from './terminals/shownTerminals.ts';
import { TerminalFeatures } from './terminals/terminalFeatures.ts';
import { TerminalHub } from './terminals/terminalHub.ts';

let running: ServerSupervisor | undefined;

/** Registers everything and returns; the server is started afterwards. */
export function activate(context: vscode.ExtensionContext): AssistantApi {
  const startedAt = performance.now();
  const own = <T extends vscode.Disposable>(item: T): T => {
    context.subscriptions.push(item);
    return item;
  };
  const { extensionUri } = context;
  // Never disposed: VS Code disposes what is registered while `deactivate` still waits for the server's last words.
  const log = vscode.window.createOutputChannel('AI Development Assistant', { log: true });
  const secrets = new Secrets(context.secrets);
  const clock = systemClock;

  const launch = createServerLauncher({
    modulePath: context.asAbsolutePath('dist/server.js'),
    args: ['lsp', '--node-ipc'],
    log,
    loadClient: () => loadLanguageClient(context.asAbsolutePath('dist/languageClient.js')),
    // The client exists once the server can ask anything.
    handlers: createEditorHandlers(secrets, {
      chunk: (params) => client.notify('languageModel/chunk', params),
      ended: (params) => client.notify('languageModel/ended', params),
    }),
    describeClient,
  });
  const supervisor = own(new ServerSupervisor({ launch, clock, log, random: Math.random }));
  const client = own(new ServerClient(supervisor, clock, log));
  const hub = own(new TerminalHub(client, clock, log));
  const panelServices = { extensionUri, client, supervisor, hub, log };
  const memory = new ShownTerminals({ folder: context.globalStorageUri.fsPath, workspace: readWorkspace(), clock });
  const { terminals, conversationTerminals } = own(
    new TerminalFeatures({ client, supervisor, hub, clock, log, memory, state: context.globalState }),
  );
  const agentPanel = own(new AgentPanelView(panelServices));
  const history = own(new ConversationHistory({ client, log }));
  own(new HistoryView(history, clock));
  own(showIndexProgress(client, log));
  const terminalPanels = own(new TerminalPanels(panelServices));

  own(pushChanges(client));
  own(secrets.onChanged((name) => client.notify('secret/changed', { name })));
  own(client.onNotification('server/healthChanged', ({ status }) => supervisor.healthChanged(status)));
  own(new StatusBar(supervisor));
  own(announceFailures(supervisor, log));
  const terminalViews = { terminals, conversationTerminals, terminalPanels };
  own(registerCommands({ supervisor, client, agentPanel, history, ...terminalViews, secrets, log }));

  running = supervisor;
  // After this returns, so that loading the language client is no part of the activation.
  const start = setTimeout(() => supervisor.start(), 0);
  own({ dispose: () => clearTimeout(start) });
  const { version } = context.extension.packageJSON as { version: string };
  log.info(`Activated in ${(performance.now() - startedAt).toFixed(1)} ms.`);
  return own(createApi(version, { client, hub, log })).api;
}

/** Ends the server within 2 seconds; the terminals go on in the pty host. */
export async function deactivate(): Promise<void> {
  await running?.stop();
}

function loadLanguageClient(file: string): typeof LanguageClientBundle {
  return createRequire(file)(file) as typeof LanguageClientBundle;
}

function describeClient(restarts: number): InitializationOptions {
  const ripgrepPath = findRipgrep(vscode.env.appRoot);
  return {
    contractVersion,
    correlationId: `startup-${Date.now()}-${randomBytes(4).toString('hex')}`,
    workspace: describeWorkspace(),
    settings: readSettings(),
    restarts,
    ...(ripgrepPath !== undefined && { ripgrepPath }),
  };
}
