import * as vscode from 'vscode';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { ServerSupervisor } from '../server/serverSupervisor.ts';
import { AssistantTerminals } from './assistantTerminals.ts';
import { ConversationTerminals } from './conversationTerminals.ts';
import { IdleEndings } from './idleEndings.ts';
import type { ShownTerminals } from './shownTerminals.ts';
import type { TerminalHub } from './terminalHub.ts';
import { TerminalList } from './terminalList.ts';
import { TerminalsView } from './terminalsView.ts';
import { TerminalTabs } from './terminalTabs.ts';

export interface TerminalFeaturesOptions {
  readonly client: ServerClient;
  readonly supervisor: ServerSupervisor;
  readonly hub: TerminalHub;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory: ShownTerminals;
  /** For all windows of this person. */
  readonly state: vscode.Memento;
}

/** All that VS Code shows of terminals outside our webviews: two kinds of tabs, their memory, the view. */
export class TerminalFeatures implements Disposable {
  readonly terminals: AssistantTerminals;
  readonly conversationTerminals: ConversationTerminals;
  private readonly store = new DisposableStore();

  constructor(services: TerminalFeaturesOptions) {
    const laidOut = this.store.add(new vscode.EventEmitter<void>());
    const tabServices = { ...services, onLaidOut: () => laidOut.fire() };
    const list = this.store.add(new TerminalList(services));
    this.terminals = this.store.add(new AssistantTerminals({ ...tabServices, list }));
    this.conversationTerminals = this.store.add(
      new ConversationTerminals({
        ...tabServices,
        showInBackground: (terminal) => this.terminals.attachBehind(terminal),
      }),
    );
    this.store.add(
      new TerminalTabs({
        ...services,
        kinds: [this.terminals, this.conversationTerminals],
        onDidLayOut: laidOut.event,
      }),
    );
    this.store.add(new TerminalsView({ ...services, list, terminals: this.terminals }));
    this.store.add(new IdleEndings({ ...services, list }));
  }

  dispose(): void {
    this.store.dispose();
  }
}
