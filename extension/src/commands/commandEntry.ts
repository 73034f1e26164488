import type * as vscode from 'vscode';
import type { AgentPanelView } from '../panels/agentPanelView.ts';
import type { TerminalPanels } from '../panels/terminalPanel.ts';
import type { Secrets } from '../secrets.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { ServerSupervisor } from '../server/serverSupervisor.ts';
import type { AssistantTerminals } from '../terminals/assistantTerminals.ts';

/** What commands work with. */
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
