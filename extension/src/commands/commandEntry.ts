import type * as vscode from 'vscode';
import type { ConversationHistory } from '../history/conversationHistory.ts';
import type { AgentPanelView } from '../panels/agentPanelView.ts';
import type { TerminalPanels } from '../panels/terminalPanel.ts';
import type { Secrets } from '../secrets.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { ServerSupervisor } from '../server/serverSupervisor.ts';
import type { AssistantTerminals } from '../terminals/assistantTerminals.ts';
import type { ConversationTerminals } from '../terminals/conversationTerminals.ts';

/** What commands work with. */
export interface CommandServices {
  readonly supervisor: ServerSupervisor;
  readonly client: ServerClient;
  readonly agentPanel: AgentPanelView;
  readonly history: ConversationHistory;
  readonly terminals: AssistantTerminals;
  readonly conversationTerminals: ConversationTerminals;
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
  /** `target` is what a menu was opened on, such as a line of a view; undefined from the palette. */
  readonly run: (services: CommandServices, target: unknown) => Promise<void> | void;
}
