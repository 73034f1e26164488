import * as vscode from 'vscode';
import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { AssistantTerminals } from './assistantTerminals.ts';
import type { TerminalList } from './terminalList.ts';
import { iconOf, summaryText, tooltipOf } from './terminalText.ts';

/** The tree is drawn at most so often: a loop in a shell changes its last command many times a second. */
const redrawMs = 200;

/** A line of the view; commands of its menus are given it. */
export type TerminalNode =
  | { readonly kind: 'terminal'; readonly sessionId: TerminalId }
  | { readonly kind: 'conversation'; readonly conversationId: string };

type TerminalLine = Extract<TerminalNode, { kind: 'terminal' }>;
type ConversationLine = Extract<TerminalNode, { kind: 'conversation' }>;

export interface TerminalTreeOptions {
  readonly client: Pick<ServerClient, 'request' | 'onNotification' | 'onNewServer'>;
  readonly list: TerminalList;
  /** The tabs of this window. */
  readonly terminals: Pick<AssistantTerminals, 'isShown' | 'onDidChangeShown'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What the view "Terminals" shows: those of the person first, then each agent's commands under their conversation.
 * All that the pty host has is there, whichever window or program started it.
 */
export class TerminalTree implements vscode.TreeDataProvider<TerminalNode>, Disposable {
  private readonly options: TerminalTreeOptions;
  private readonly store = new DisposableStore();
  private readonly redrawn = this.store.add(new vscode.EventEmitter<undefined>());
  readonly onDidChangeTreeData = this.redrawn.event;
  private readonly titles = new Map<string, string>();
  private redrawing: Disposable | undefined;

  constructor(options: TerminalTreeOptions) {
    this.options = options;
    const { client, list, log } = options;
    this.store.add(list.onChanged(() => this.redrawSoon()));
    this.store.add(options.terminals.onDidChangeShown(() => this.redrawSoon()));
    this.store.add(client.onNewServer(() => logFailure(log, 'Looking for titles', this.fetchTitles())));
    this.store.add(
      client.onNotification('session/changed', ({ sessionId, session }) => {
        if (session) this.titles.set(sessionId, session.title);
        else this.titles.delete(sessionId);
        this.redrawSoon();
      }),
    );
  }

  getChildren(node?: TerminalNode): TerminalNode[] {
    const { all } = this.options.list;
    if (node?.kind === 'terminal') return [];
    if (node) return all.filter((one) => conversationOf(one) === node.conversationId).map(asLine);
    const conversations = new Set(all.flatMap((terminal) => conversationOf(terminal) ?? []));
    return [
      ...all.filter(({ owner }) => owner.kind === 'person').map(asLine),
      ...[...conversations].map((conversationId) => ({ kind: 'conversation', conversationId }) as const),
    ];
  }

  getTreeItem(node: TerminalNode): vscode.TreeItem {
    return node.kind === 'terminal' ? this.terminalItem(node) : this.conversationItem(node);
  }

  dispose(): void {
    this.redrawing?.dispose();
    this.store.dispose();
  }

  private terminalItem(node: TerminalLine): vscode.TreeItem {
    const terminal = this.options.list.get(node.sessionId);
    // It went between the drawing of the list and that of its line; the next drawing is on its way.
    if (!terminal) return new vscode.TreeItem('');
    const summary = summaryText(terminal);
    const item = new vscode.TreeItem(terminal.name);
    item.id = node.sessionId;
    item.description = summary;
    item.iconPath = iconOf(terminal);
    item.tooltip = tooltipOf(terminal, this.titles.get(conversationOf(terminal) ?? ''));
    item.accessibilityInformation = { label: `${terminal.name}, ${summary}` };
    const isShown = this.options.terminals.isShown(node.sessionId);
    const words = ['terminal', terminal.status, terminal.owner.kind, ...(isShown ? ['shown'] : [])];
    item.contextValue = words.join(' ');
    item.command = { command: 'aiDevAssistant.attachTerminal', title: '', arguments: [node] };
    return item;
  }

  private conversationItem({ conversationId }: ConversationLine): vscode.TreeItem {
    const title = this.titles.get(conversationId) ?? vscode.l10n.t('Agent in another folder');
    const item = new vscode.TreeItem(title.split('\n', 1)[0] ?? '', vscode.TreeItemCollapsibleState.Expanded);
    item.id = conversationId;
    item.iconPath = new vscode.ThemeIcon('comment-discussion');
    item.contextValue = 'conversation';
    item.accessibilityInformation = { label: vscode.l10n.t('Commands of the agent of “{0}”', title) };
    return item;
  }

  private async fetchTitles(): Promise<void> {
    const { sessions } = await this.options.client.request('session/list', {});
    for (const { sessionId, title } of sessions) this.titles.set(sessionId, title);
    this.redrawSoon();
  }

  private redrawSoon(): void {
    if (this.store.isDisposed) return;
    this.redrawing ??= this.options.clock.after(redrawMs, () => {
      this.redrawing = undefined;
      this.redrawn.fire(undefined);
    });
  }
}

/** The terminal that a line of the view stands for, where a command was given one. */
export function terminalOf(target: unknown): TerminalId | undefined {
  const { kind, sessionId } = (target ?? {}) as { kind?: unknown; sessionId?: unknown };
  return kind === 'terminal' && typeof sessionId === 'string' ? (sessionId as TerminalId) : undefined;
}

function asLine({ sessionId }: TerminalInfo): TerminalLine {
  return { kind: 'terminal', sessionId };
}

function conversationOf({ owner }: TerminalInfo): string | undefined {
  return owner.kind === 'agent' ? owner.conversationId : undefined;
}
