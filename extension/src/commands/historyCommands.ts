import * as vscode from 'vscode';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import { systemClock } from '../base/clock.ts';
import { pickConversation } from '../history/conversationSearch.ts';
import { dayLabel, dayOf } from '../history/historyDates.ts';
import { conversationOf, iconOf, isOpenable, titleOf } from '../history/historyTree.ts';
import type { CommandEntry, CommandServices } from './commandEntry.ts';

/** What the contract takes. */
const maxTitleChars = 200;

/** Commands about conversations that exist. In the view they act on the line they were called on. */
export const historyCommands = {
  searchConversations: {
    withoutServer: 'waits',
    run: async ({ client, history, agentPanel, log }) => {
      const sessionId = await pickConversation({ client, history, clock: systemClock, log });
      if (sessionId !== undefined) await agentPanel.ask({ kind: 'do', what: 'openConversation', sessionId });
    },
  },
  openConversation: {
    withoutServer: 'waits',
    run: async (services, target) => {
      const conversation = await findOrPick(services, target, vscode.l10n.t('Open which conversation?'));
      if (!conversation) return;
      const { sessionId } = conversation;
      await services.agentPanel.ask({ kind: 'do', what: 'openConversation', sessionId });
    },
  },
  renameConversation: {
    withoutServer: 'waits',
    run: async (services, target) => {
      const conversation = await findOrPick(services, target, vscode.l10n.t('Rename which conversation?'));
      if (!conversation) return;
      const title = await vscode.window.showInputBox({
        title: vscode.l10n.t('Rename the conversation “{0}”', titleOf(conversation)),
        value: conversation.title,
        validateInput: checkTitle,
      });
      if (title === undefined) return;
      const { sessionId } = conversation;
      await services.client.request('conversation/rename', { sessionId, title: title.trim() });
    },
  },
  deleteConversation: {
    withoutServer: 'waits',
    run: async (services, target) => {
      const question = vscode.l10n.t('Delete which conversation?');
      const conversation = await findOrPick(services, target, question, () => true);
      if (!conversation) return;
      const confirm = vscode.l10n.t('Delete');
      const answer = await vscode.window.showWarningMessage(
        vscode.l10n.t('Delete the conversation “{0}”?', titleOf(conversation)),
        { modal: true, detail: vscode.l10n.t('This cannot be undone.') },
        confirm,
      );
      if (answer !== confirm) return;
      await services.client.request('session/delete', { sessionId: conversation.sessionId });
    },
  },
  refreshHistory: { withoutServer: 'waits', run: ({ history }) => history.refresh() },
} as const satisfies Record<string, CommandEntry>;

/** The conversation of the line that a command was called on, else one that the person picks of those that fit. */
export async function findOrPick(
  { history }: CommandServices,
  target: unknown,
  title: string,
  fits: (conversation: ConversationSummary) => boolean = isOpenable,
): Promise<ConversationSummary | undefined> {
  const named = conversationOf(target);
  if (named) return named;
  const conversations = (await history.list()).filter(fits);
  if (conversations.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no conversation about this folder yet.'));
    return undefined;
  }
  const entries = conversations.map((conversation) => ({
    label: titleOf(conversation),
    description: dayLabel(dayOf(conversation.updatedAt), Date.now()),
    iconPath: iconOf(conversation),
    conversation,
  }));
  return (await vscode.window.showQuickPick(entries, { title }))?.conversation;
}

function checkTitle(value: string): string | undefined {
  const title = value.trim();
  if (title === '') return vscode.l10n.t('Type a title.');
  return title.length > maxTitleChars ? vscode.l10n.t('A title has at most {0} characters.', maxTitleChars) : undefined;
}
