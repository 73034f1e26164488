import * as vscode from 'vscode';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import { titleOf } from '../history/historyTree.ts';
import { logFailure } from '../log.ts';
import type { CommandEntry, CommandServices } from './commandEntry.ts';
import { findOrPick } from './historyCommands.ts';

type Format = 'markdown' | 'json';

/** A file is held in memory as a whole here; the command line writes and reads any size. */
const maxFileBytes = 128 * 1024 * 1024;
/** Of an import, less than one request may bring. */
const partChars = 1_000_000;
const maxNameChars = 60;

/** Commands that give conversations out as files, and take such files in. */
export const exchangeCommands = {
  exportConversation: {
    withoutServer: 'waits',
    run: async (services, target) => {
      const conversation = await findOrPick(services, target, vscode.l10n.t('Export which conversation?'));
      if (!conversation) return;
      const file = await vscode.window.showSaveDialog({
        title: vscode.l10n.t('Export the conversation “{0}”', titleOf(conversation)),
        defaultUri: proposedFile(conversation),
        filters: { [vscode.l10n.t('Markdown, to be read')]: ['md'], [vscode.l10n.t('JSON, to be imported')]: ['json'] },
      });
      if (!file) return;
      const format = file.path.toLowerCase().endsWith('.json') ? 'json' : 'markdown';
      const content = await withProgress(vscode.l10n.t('Exporting the conversation'), (cancellation) =>
        readPages(services, { conversation, format, cancellation }),
      );
      await vscode.workspace.fs.writeFile(file, content);
      logFailure(services.log, 'Offering the exported file', offerFile(file));
    },
  },
  importConversation: {
    withoutServer: 'waits',
    run: async (services) => {
      const files = await vscode.window.showOpenDialog({
        title: vscode.l10n.t('Import a conversation'),
        openLabel: vscode.l10n.t('Import'),
        filters: { [vscode.l10n.t('Conversation exported as JSON')]: ['json'] },
      });
      const file = files?.[0];
      if (!file) return;
      const text = await readText(file);
      const { sessionId } = await withProgress(vscode.l10n.t('Importing the conversation'), (cancellation) =>
        sendParts(services, text, cancellation),
      );
      await services.agentPanel.ask({ kind: 'do', what: 'openConversation', sessionId });
    },
  },
} as const satisfies Record<string, CommandEntry>;

function withProgress<T>(title: string, work: (cancellation: vscode.CancellationToken) => Promise<T>): Thenable<T> {
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, (_progress, cancellation) =>
    work(cancellation),
  );
}

/** Beside the folder's files, under a name that every file system takes. */
function proposedFile(conversation: ConversationSummary): vscode.Uri {
  const words = titleOf(conversation)
    .replace(/[^\p{L}\p{N}._ -]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .slice(0, maxNameChars)
    .replace(/^[. -]+|[. -]+$|[\uD800-\uDBFF]$/g, '');
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(conversation.cwd);
  return vscode.Uri.joinPath(folder, `${words === '' ? 'conversation' : words}.md`);
}

async function readPages(
  { client }: CommandServices,
  wanted: { conversation: ConversationSummary; format: Format; cancellation: vscode.CancellationToken },
): Promise<Uint8Array> {
  const { conversation, format, cancellation } = wanted;
  const { sessionId } = conversation;
  const pages: Buffer[] = [];
  let [bytes, cursor]: [number, string | undefined] = [0, undefined];
  do {
    const params = { sessionId, format, ...(cursor !== undefined && { cursor }) };
    const page: ResultOf<'conversation/export'> = await client.request('conversation/export', params, { cancellation });
    const piece = Buffer.from(page.content);
    pages.push(piece);
    bytes += piece.byteLength;
    if (bytes > maxFileBytes) throw tooLarge(`ai-dev-assistant conversations export ${sessionId} --output FILE`);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return Buffer.concat(pages);
}

async function readText(file: vscode.Uri): Promise<string> {
  const { size } = await vscode.workspace.fs.stat(file);
  if (size > maxFileBytes) throw tooLarge('ai-dev-assistant conversations import FILE');
  const bytes = await vscode.workspace.fs.readFile(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const message = vscode.l10n.t('The file is no conversation exported as JSON: it is not even text.');
    throw new CodedError('InvalidParams', message, { cause });
  }
}

async function sendParts(
  { client }: CommandServices,
  text: string,
  cancellation: vscode.CancellationToken,
): Promise<Extract<ResultOf<'conversation/import'>, { sessionId: unknown }>> {
  let cursor: string | undefined;
  for (let start = 0; ; start += partChars) {
    const isPart = start + partChars < text.length;
    const params = { content: text.slice(start, start + partChars), isPart, ...(cursor !== undefined && { cursor }) };
    const answer: ResultOf<'conversation/import'> = await client.request('conversation/import', params, {
      cancellation,
    });
    if ('sessionId' in answer) return answer;
    cursor = answer.nextCursor;
  }
}

function tooLarge(command: string): CodedError {
  return new CodedError(
    'TooLarge',
    vscode.l10n.t('This conversation is too large for VS Code. The command line takes any size: {0}', command),
  );
}

async function offerFile(file: vscode.Uri): Promise<void> {
  const open = vscode.l10n.t('Open');
  const name = file.path.split('/').at(-1) ?? file.path;
  const answer = await vscode.window.showInformationMessage(
    vscode.l10n.t('The conversation was exported to {0}. It holds all that was said, secrets included.', name),
    open,
  );
  if (answer === open) await vscode.window.showTextDocument(file);
}
