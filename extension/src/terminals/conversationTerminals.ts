import * as vscode from 'vscode';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { logFailure } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { TerminalServices } from './assistantTerminal.ts';
import { ConversationTerminal } from './conversationTerminal.ts';

export interface ConversationTerminalsOptions extends TerminalServices {
  readonly client: Pick<ServerClient, 'request' | 'onNewServer' | 'onNotification'>;
}

interface Tab {
  readonly terminal: vscode.Terminal;
  readonly pty: ConversationTerminal;
}

const maxTitleChars = 40;
/** Of so many commands it is known that they were shown; those before them are long forgotten by the server. */
const maxRemembered = 1_000;

/** Gives each conversation of this workspace a terminal tab as soon as its agent runs a command. */
export class ConversationTerminals implements Disposable {
  private readonly options: ConversationTerminalsOptions;
  private readonly store = new DisposableStore();
  private readonly tabs = new Map<string, Tab>();
  /** Commands that were shown once are not shown again, also if the person has closed the tab since. */
  private readonly seen = new Set<string>();

  constructor(options: ConversationTerminalsOptions) {
    this.options = options;
    const { client, log } = options;
    this.store.add(
      client.onNotification('terminal/changed', ({ terminal }) => {
        // A short command may have ended before it is told of; its output is still there.
        if (terminal) this.show(terminal as TerminalInfo);
      }),
    );
    this.store.add(
      client.onNotification('session/changed', ({ sessionId, session }) => {
        if (session) this.tabs.get(sessionId)?.pty.rename(tabName(session.title));
      }),
    );
    this.store.add(
      client.onNewServer(() => logFailure(log, 'Looking for running commands', this.showRunningCommands())),
    );
    this.store.add(vscode.window.onDidCloseTerminal((closed) => this.forget(closed)));
  }

  /** Brings the tab to the front that shows this command now; false where none does. */
  reveal({ sessionId, owner }: TerminalInfo): boolean {
    const tab = owner.kind === 'agent' ? this.tabs.get(owner.conversationId) : undefined;
    if (tab?.pty.runningId !== sessionId) return false;
    tab.terminal.show();
    return true;
  }

  dispose(): void {
    this.store.dispose();
  }

  private show(terminal: TerminalInfo): void {
    const { owner, sessionId } = terminal;
    if (owner.kind !== 'agent' || this.seen.has(sessionId)) return;
    this.seen.add(sessionId);
    const [oldest] = this.seen;
    if (this.seen.size > maxRemembered && oldest !== undefined) this.seen.delete(oldest);
    logFailure(this.options.log, "Showing an agent's command", this.add(terminal, owner.conversationId));
  }

  private async showRunningCommands(): Promise<void> {
    const { terminals } = await this.options.client.request('terminal/list', {});
    for (const terminal of terminals) if (terminal.status === 'active') this.show(terminal);
  }

  private async add(terminal: TerminalInfo, conversationId: string): Promise<void> {
    const present = this.tabs.get(conversationId);
    if (present) {
      present.pty.add(terminal);
      return;
    }
    // The pty host is shared by all windows, so the command may belong to another window's conversation.
    const { sessions } = await this.options.client.request('session/list', {});
    const conversation = sessions.find(({ sessionId }) => sessionId === conversationId);
    if (conversation) this.tabFor(conversationId, conversation.title).pty.add(terminal);
  }

  private tabFor(conversationId: string, title: string): Tab {
    const present = this.tabs.get(conversationId);
    if (present) return present;
    const pty = new ConversationTerminal(this.options);
    const iconPath = new vscode.ThemeIcon('sparkle');
    const terminal = vscode.window.createTerminal({ name: tabName(title), pty, iconPath });
    const tab = { terminal, pty };
    this.tabs.set(conversationId, tab);
    terminal.show(true);
    return tab;
  }

  private forget(closed: vscode.Terminal): void {
    for (const [conversationId, { terminal }] of this.tabs) {
      if (terminal === closed) this.tabs.delete(conversationId);
    }
  }
}

function tabName(title: string): string {
  const line = title.split('\n', 1)[0]?.trim() ?? '';
  const short = line.length > maxTitleChars ? `${line.slice(0, maxTitleChars - 1)}…` : line;
  return vscode.l10n.t('AI: {0}', short === '' ? vscode.l10n.t('conversation') : short);
}
