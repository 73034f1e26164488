import * as vscode from 'vscode';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { ConversationHistory } from './conversationHistory.ts';
import { dayLabel, dayOf, timeText } from './historyDates.ts';

/** The tree is drawn at most so often: a turn changes its conversation several times. */
const redrawMs = 200;
/** Registered by the view; a line of the tree, not of the palette. */
export const showOlderCommand = 'aiDevAssistant.showOlderConversations';

/** Of the address that stands for a conversation which cannot be opened. */
export const unopenableScheme = 'ai-dev-assistant-unopenable';

/** A line of the view; commands of its menus are given it. */
export type HistoryNode =
  | { readonly kind: 'day'; readonly day: string; readonly isFirst: boolean }
  | { readonly kind: 'conversation'; readonly conversation: ConversationSummary }
  | { readonly kind: 'older' };

/** What the view "History" shows: the conversations of the open folder, by the day of their last change. */
export class HistoryTree implements vscode.TreeDataProvider<HistoryNode>, Disposable {
  private readonly history: ConversationHistory;
  private readonly clock: Clock;
  private readonly store = new DisposableStore();
  private readonly redrawn = this.store.add(new vscode.EventEmitter<undefined>());
  readonly onDidChangeTreeData = this.redrawn.event;
  private redrawing: Disposable | undefined;

  constructor(history: ConversationHistory, clock: Clock) {
    this.history = history;
    this.clock = clock;
    this.store.add(history.onChanged(() => this.redrawSoon()));
  }

  async getChildren(node?: HistoryNode): Promise<HistoryNode[]> {
    if (node && node.kind !== 'day') return [];
    const conversations = await this.history.list();
    if (node) {
      return conversations
        .filter(({ updatedAt }) => dayOf(updatedAt) === node.day)
        .map((conversation) => ({ kind: 'conversation', conversation }));
    }
    const days = [...new Set(conversations.map(({ updatedAt }) => dayOf(updatedAt)))];
    const nodes = days.map((day, index): HistoryNode => ({ kind: 'day', day, isFirst: index === 0 }));
    return this.history.hasOlder ? [...nodes, { kind: 'older' }] : nodes;
  }

  getTreeItem(node: HistoryNode): vscode.TreeItem {
    switch (node.kind) {
      case 'day':
        return this.dayItem(node);
      case 'conversation':
        return conversationItem(node);
      case 'older':
        return olderItem();
    }
  }

  dispose(): void {
    this.redrawing?.dispose();
    this.store.dispose();
  }

  private dayItem({ day, isFirst }: Extract<HistoryNode, { kind: 'day' }>): vscode.TreeItem {
    const { Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(dayLabel(day, this.clock.now()), isFirst ? Expanded : Collapsed);
    item.id = day;
    item.contextValue = 'day';
    return item;
  }

  private redrawSoon(): void {
    if (this.store.isDisposed) return;
    this.redrawing ??= this.clock.after(redrawMs, () => {
      this.redrawing = undefined;
      this.redrawn.fire(undefined);
    });
  }
}

/** The conversation that a line of the view stands for, where a command was given one. */
export function conversationOf(target: unknown): ConversationSummary | undefined {
  const { kind, conversation } = (target ?? {}) as { kind?: unknown; conversation?: unknown };
  if (kind !== 'conversation' || typeof conversation !== 'object' || conversation === null) return undefined;
  return conversation as ConversationSummary;
}

/** Whether anything can be done with a conversation but deleting it. */
export function isOpenable({ unopenable }: ConversationSummary): boolean {
  return unopenable === undefined;
}

/** What a conversation is called, one without a title too. */
export function titleOf({ title }: { readonly title: string }): string {
  return title === '' ? vscode.l10n.t('Untitled conversation') : title;
}

/** What is going on in a conversation, as an icon. */
export function iconOf({
  running,
  access,
  unopenable,
}: Pick<ConversationSummary, 'running' | 'access' | 'unopenable'>): vscode.ThemeIcon {
  if (unopenable !== undefined)
    return new vscode.ThemeIcon('warning', new vscode.ThemeColor('problemsWarningIcon.foreground'));
  if (running) return new vscode.ThemeIcon('loading~spin');
  return new vscode.ThemeIcon(access === 'read' ? 'lock' : 'comment');
}

function conversationItem(node: Extract<HistoryNode, { kind: 'conversation' }>): vscode.TreeItem {
  const { conversation } = node;
  if (conversation.unopenable !== undefined) return unopenableItem(conversation, conversation.unopenable);
  const title = titleOf(conversation);
  const time = describe(conversation);
  const item = new vscode.TreeItem(title);
  item.id = conversation.sessionId;
  item.description = time;
  item.iconPath = iconOf(conversation);
  item.tooltip = tooltipOf(conversation);
  item.accessibilityInformation = { label: `${title}, ${time}` };
  item.contextValue = `conversation ${conversation.access}`;
  item.command = { command: 'aiDevAssistant.openConversation', title: '', arguments: [node] };
  return item;
}

function describe({ updatedAt, importedAt }: ConversationSummary): string {
  const time = timeText(updatedAt);
  return importedAt === undefined ? time : vscode.l10n.t('{0}, imported', time);
}

/** What cannot be read has a backup, perhaps, and else can only be deleted: its line does nothing by itself. */
function unopenableItem(conversation: ConversationSummary, why: string): vscode.TreeItem {
  const title = titleOf(conversation);
  const item = new vscode.TreeItem(title);
  item.id = conversation.sessionId;
  item.description = vscode.l10n.t('cannot be read: restore it from a backup');
  item.iconPath = iconOf(conversation);
  item.tooltip = why;
  item.accessibilityInformation = { label: `${title}, ${item.description}` };
  item.contextValue = 'unopenable';
  // The label is greyed by the decoration of this address.
  item.resourceUri = vscode.Uri.from({ scheme: unopenableScheme, path: `/${conversation.sessionId}` });
  return item;
}

function olderItem(): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.l10n.t('Show older conversations'));
  item.id = 'older';
  item.iconPath = new vscode.ThemeIcon('history');
  item.command = { command: showOlderCommand, title: '' };
  return item;
}

function tooltipOf({ title, cwd, createdAt, updatedAt, importedAt, access, details }: ConversationSummary): string {
  const inFull = (at: number): string => new Date(at).toLocaleString(vscode.env.language);
  const tokens = details ? details.inputTokens + details.outputTokens : 0;
  return [
    title,
    cwd,
    vscode.l10n.t('Begun {0}, last changed {1}', inFull(createdAt), inFull(updatedAt)),
    ...(importedAt === undefined ? [] : [vscode.l10n.t('Imported {0}', inFull(importedAt))]),
    ...(details?.model ? [vscode.l10n.t('Model: {0}', details.model)] : []),
    ...(details?.persona ? [vscode.l10n.t('Persona: {0}', details.persona)] : []),
    ...(tokens > 0 ? [vscode.l10n.t('{0} tokens', tokens.toLocaleString(vscode.env.language))] : []),
    ...(access === 'read' ? [vscode.l10n.t('Another window has it open')] : []),
  ].join('\n');
}
