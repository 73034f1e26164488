import * as vscode from 'vscode';
import type { BackupReason, BackupSummary } from '../../../server/protocol/backup.ts';
import { describeBytes } from '../describeBytes.ts';
import { showError } from '../errors.ts';
import { logFailure } from '../log.ts';
import type { CommandEntry, CommandServices } from './commandEntry.ts';

/** A little longer than the server gives itself. */
const longestMs = 31 * 60_000;

type Work = 'create' | 'restore';

/** Commands about copies of the conversations, the audit log, personas and settings. */
export const backupCommands = {
  createBackup: {
    withoutServer: 'waits',
    run: async (services) => {
      const { backup, unreadable } = await withProgress(services, 'create', (options) =>
        services.client.request('backup/create', {}, options),
      );
      const size = describeBytes(backup.sizeBytes);
      if (unreadable.length === 0) {
        const message = vscode.l10n.t('The backup is made. Conversations: {0}, size: {1}.', backup.conversations, size);
        void vscode.window.showInformationMessage(message);
      } else {
        const names = unreadable.map(({ path, code }) => `${path} (${code})`).join(', ');
        const message = vscode.l10n.t('The backup is made without what could not be read: {0}', names.slice(0, 500));
        void vscode.window.showWarningMessage(message);
      }
    },
  },
  restoreBackup: {
    withoutServer: 'waits',
    run: async (services) => {
      const backup = await pickBackup(services);
      if (!backup) return;
      const confirm = vscode.l10n.t('Restore');
      const answer = await vscode.window.showWarningMessage(
        vscode.l10n.t('Put everything back as it was on {0}?', madeAt(backup)),
        {
          modal: true,
          detail: vscode.l10n.t(
            'Conversations, audit log, personas and settings of all folders become what they were then. What is there now is backed up first, so you can undo this.',
          ),
        },
        confirm,
      );
      if (answer === confirm) await restore(services, backup.id);
    },
  },
} as const satisfies Record<string, CommandEntry>;

/** Restores, and offers to take that back, which offers to take that back. */
async function restore(services: CommandServices, id: string): Promise<void> {
  const { client, supervisor, log } = services;
  const { undoId } = await withProgress(services, 'restore', (options) =>
    client.request('backup/restore', { id, dryRun: false }, options),
  );
  // Whatever shows a conversation shows the former one until it attaches anew, as it does at a new server.
  await supervisor.restart();
  if (undoId === null) return;
  logFailure(log, 'Offering to take a restore back', offerUndo(services, undoId));
}

async function offerUndo(services: CommandServices, undoId: string): Promise<void> {
  const undo = vscode.l10n.t('Undo');
  const answer = await vscode.window.showInformationMessage(vscode.l10n.t('The backup was restored.'), undo);
  if (answer !== undo) return;
  try {
    await restore(services, undoId);
  } catch (error) {
    // The command that offered this has ended, and says nothing any more.
    showError(error, services.log);
  }
}

async function pickBackup({ client }: CommandServices): Promise<BackupSummary | undefined> {
  const { backups } = await client.request('backup/list', {}, { timeoutMs: longestMs });
  const usable = backups.filter(({ status }) => status !== 'damaged');
  if (usable.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no backup yet that could be restored.'));
    return undefined;
  }
  const entries = usable.map((backup) => ({
    label: madeAt(backup),
    description: vscode.l10n.t('Conversations: {0}, {1}', backup.conversations, describeBytes(backup.sizeBytes)),
    detail: [
      ...(backup.reason === null ? [] : [describeReason(backup.reason)]),
      ...(backup.status === 'partial' ? [vscode.l10n.t('some files could not be read')] : []),
    ].join(', '),
    backup,
  }));
  const title = vscode.l10n.t('Restore which backup?');
  return (await vscode.window.showQuickPick(entries, { title, matchOnDescription: true, matchOnDetail: true }))?.backup;
}

function madeAt({ createdAt, id }: BackupSummary): string {
  return createdAt === null ? id : new Date(createdAt).toLocaleString(vscode.env.language);
}

function describeReason(reason: BackupReason): string {
  switch (reason) {
    case 'manual':
      return vscode.l10n.t('made by you');
    case 'daily':
      return vscode.l10n.t('made once a day');
    case 'upgrade':
      return vscode.l10n.t('made before an update');
    case 'migration':
      return vscode.l10n.t('made before a change of format');
    case 'restore':
      return vscode.l10n.t('made before a backup was restored');
  }
}

/** Shows how far it is; the person may stop it, and nothing is changed then. */
function withProgress<T>(
  { client }: CommandServices,
  work: Work,
  run: (options: { cancellation: vscode.CancellationToken; timeoutMs: number }) => Promise<T>,
): Thenable<T> {
  const title = work === 'create' ? vscode.l10n.t('Making a backup') : vscode.l10n.t('Restoring the backup');
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, async (progress, cancellation) => {
    const told = client.onNotification('backup/progressed', (step) => {
      if (step.work !== work || step.total === 0) return;
      progress.report({ message: vscode.l10n.t('{0} of {1} files', step.done, step.total) });
    });
    try {
      return await run({ cancellation, timeoutMs: longestMs });
    } finally {
      told.dispose();
    }
  });
}
