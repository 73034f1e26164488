import * as vscode from 'vscode';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { logFailure } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { TerminalServices } from './assistantTerminal.ts';
import { ConversationTerminal, type PastCommand } from './conversationTerminal.ts';
import type { TabKind } from './terminalTabs.ts';

export interface ConversationTerminalsOptions extends TerminalServices {
  readonly client: Pick<ServerClient, 'request' | 'onNewServer' | 'onNotification'>;
  /** Gives a command that goes on in the background a tab of its own, behind the one that is in front. */
  readonly showInBackground: (terminal: TerminalInfo) => void;
}

interface Tab {
  readonly terminal: vscode.Terminal;
  readonly pty: ConversationTerminal;
}

const maxTitleChars = 40;
/** Commands that a tab shows again when it is made anew. */
const maxPastCommands = 20;
/** Tells the keys of these tabs from the ids of terminals. */
const keyPrefix = 'conversation:';
/** Of so many commands it is known that they were shown; those before them are long forgotten by the server. */
const maxRemembered = 1_000;

/** Gives each conversation of this workspace a terminal tab as soon as its agent runs a command. */
export class ConversationTerminals implements TabKind, Disposable {
  private readonly options: ConversationTerminalsOptions;
  private readonly store = new DisposableStore();
  private readonly tabs = new Map<string, Tab>();
  /** Commands that were shown once are not shown again, also if the person has closed the tab since. */
  private readonly seen = new Set<string>();
  /** Commands in the background that were given a tab of their own, which the person may have closed since. */
  private readonly released = new Set<string>();
  /** Conversations whose tab this window has had: if it was closed, what it showed is not wanted again. */
  private readonly hadTab = new Set<string>();
  private readonly identified = this.store.add(new vscode.EventEmitter<string>());
  readonly onDidIdentify = this.identified.event;

  constructor(options: ConversationTerminalsOptions) {
    this.options = options;
    const { client, log } = options;
    this.store.add(
      client.onNotification('terminal/changed', ({ terminal }) => {
        // A short command may have ended before it is told of; its output is still there.
        if (!terminal) return;
        this.show(terminal as TerminalInfo, true);
        this.release(terminal as TerminalInfo);
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

  keyOf(terminal: vscode.Terminal): string | undefined {
    const tab = [...this.tabs].find(([, present]) => present.terminal === terminal);
    return tab && keyPrefix + tab[0];
  }

  async bringBack(key: string): Promise<vscode.Terminal | undefined> {
    if (!key.startsWith(keyPrefix)) return undefined;
    const conversationId = key.slice(keyPrefix.length);
    const conversation = await this.find(conversationId);
    // A command that still runs may have made the tab already.
    return conversation && this.tabFor(conversation).terminal;
  }

  dispose(): void {
    this.store.dispose();
  }

  /** A command that has just begun brings its new tab to the front; one that ran before this window did not. */
  private show(terminal: TerminalInfo, isLive: boolean): void {
    const { owner, sessionId } = terminal;
    if (owner.kind !== 'agent' || this.seen.has(sessionId)) return;
    remember(this.seen, sessionId);
    logFailure(this.options.log, "Showing an agent's command", this.add(terminal, owner.conversationId, isLive));
  }

  /** Only what this window shows moves to a tab of its own: the command may be another window's. */
  private release(terminal: TerminalInfo): void {
    const { owner, sessionId, isBackground, status } = terminal;
    if (owner.kind !== 'agent' || !isBackground || status !== 'active' || this.released.has(sessionId)) return;
    const tab = this.tabs.get(owner.conversationId);
    if (!tab) return;
    remember(this.released, sessionId);
    tab.pty.release(sessionId);
    this.options.showInBackground(terminal);
  }

  private async showRunningCommands(): Promise<void> {
    const { terminals } = await this.options.client.request('terminal/list', {});
    for (const terminal of terminals) if (terminal.status === 'active') this.show(terminal, false);
  }

  private async add(terminal: TerminalInfo, conversationId: string, isLive: boolean): Promise<void> {
    const present = this.tabs.get(conversationId);
    if (present) {
      present.pty.add(terminal);
      this.release(terminal);
      return;
    }
    // The pty host is shared by all windows, so the command may belong to another window's conversation.
    const conversation = await this.find(conversationId);
    if (!conversation) return;
    const isNew = !this.tabs.has(conversationId);
    const tab = this.tabFor(conversation);
    tab.pty.add(terminal);
    this.release(terminal);
    if (isNew && isLive) tab.terminal.show(true);
  }

  private async find(conversationId: string): Promise<ConversationSummary | undefined> {
    const { sessions } = await this.options.client.request('session/list', {});
    return sessions.find(({ sessionId }) => sessionId === conversationId);
  }

  private tabFor({ sessionId, title }: ConversationSummary): Tab {
    const present = this.tabs.get(sessionId);
    if (present) return present;
    const pty = new ConversationTerminal(this.options, this.pastCommands(sessionId));
    const iconPath = new vscode.ThemeIcon('sparkle');
    const terminal = vscode.window.createTerminal({ name: tabName(title), pty, iconPath });
    const tab = { terminal, pty };
    this.tabs.set(sessionId, tab);
    this.identified.fire(sessionId);
    return tab;
  }

  private async pastCommands(sessionId: ConversationSummary['sessionId']): Promise<readonly PastCommand[]> {
    if (this.hadTab.has(sessionId)) return [];
    this.hadTab.add(sessionId);
    return (await this.options.client.request('session/commands', { sessionId, limit: maxPastCommands })).commands;
  }

  private forget(closed: vscode.Terminal): void {
    for (const [conversationId, { terminal }] of this.tabs) {
      if (terminal === closed) this.tabs.delete(conversationId);
    }
  }
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id);
  const [oldest] = ids;
  if (ids.size > maxRemembered && oldest !== undefined) ids.delete(oldest);
}

function tabName(title: string): string {
  const line = title.split('\n', 1)[0]?.trim() ?? '';
  const short = line.length > maxTitleChars ? `${line.slice(0, maxTitleChars - 1)}…` : line;
  return vscode.l10n.t('AI: {0}', short === '' ? vscode.l10n.t('conversation') : short);
}
