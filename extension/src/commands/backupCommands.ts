import * as vscode from 'vscode';
import type { BackupReason, BackupSummary } from '../../../server/protocol/backup.ts';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import { describeBytes } from '../describeBytes.ts';
import { showError } from '../errors.ts';
import { logFailure } from '../log.ts';
import type { CommandEntry, CommandServices } from './commandEntry.ts';

/** A little longer than the server gives itself. */
const longestMs = 31 * 60_000;

type Work = 'create' | 'compare' | 'restore';
const maxListedChars = 500;

/** Commands about copies of the conversations, the audit log and settings. */
export const backupCommands = {
  createBackup: {
    withoutServer: 'waits',
    run: async (services) => {
      const { backup, unreadable, unopenable } = await withProgress(services, 'create', (options) =>
        services.client.request('backup/create', {}, options),
      );
      const size = describeBytes(backup.sizeBytes);
      const made = vscode.l10n.t('The backup is made. Conversations: {0}, size: {1}.', backup.conversations, size);
      if (unreadable.length + unopenable.length === 0) void vscode.window.showInformationMessage(made);
      if (unreadable.length > 0) {
        const names = unreadable.map(({ path, code }) => `${path} (${code})`);
        void vscode.window.showWarningMessage(
          vscode.l10n.t('The backup is made without what could not be read: {0}', listed(names)),
        );
      }
      if (unopenable.length > 0) {
        const broken = vscode.l10n.t(
          'The beginnings of these conversations are damaged, so they cannot be opened; an older backup may have them whole: {0}',
          listed(unopenable),
        );
        void vscode.window.showWarningMessage([made, broken].join(' '));
      }
    },
  },
  restoreBackup: {
    withoutServer: 'waits',
    run: async (services) => {
      const backup = await pickBackup(services);
      if (!backup) return;
      const preview = await withProgress(services, 'compare', (options) =>
        services.client.request('backup/restore', { id: backup.id, dryRun: true, skipDamaged: true }, options),
      );
      if (preview.hindrance !== null) {
        const message = vscode.l10n.t('Nothing can be restored now.');
        // Where the confirmation would stand, and whole: of a toast without a button only the beginning is shown.
        await vscode.window.showWarningMessage(message, { modal: true, detail: preview.hindrance });
        return;
      }
      if (await isConfirmed(backup, preview)) {
        await restore(services, { id: backup.id, skipDamaged: preview.damaged.length > 0, isUndo: false });
      }
    },
  },
} as const satisfies Record<string, CommandEntry>;

async function isConfirmed(backup: BackupSummary, { damaged }: ResultOf<'backup/restore'>): Promise<boolean> {
  const confirm = vscode.l10n.t('Restore');
  const details = [
    vscode.l10n.t(
      'Conversations and settings of all folders become what they were then; the audit log loses nothing. What is there now is backed up first, so you can undo this. The server starts anew; terminals go on.',
    ),
  ];
  if (damaged.length > 0) {
    details.push(
      vscode.l10n.t('Damaged in this backup, so that they stay as they are now: {0}', listed(damaged)),
      vscode.l10n.t('Making a new backup first may mend them: what still is as it was then is stored again.'),
    );
  }
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Put everything back as it was on {0}?', madeAt(backup)),
    { modal: true, detail: details.join('\n\n') },
    confirm,
  );
  return answer === confirm;
}

interface Restored {
  readonly id: string;
  readonly skipDamaged: boolean;
  /** Whether it takes another restore back. */
  readonly isUndo: boolean;
}

/** Restores, and offers to take that back, which offers to take that back. */
async function restore(services: CommandServices, { id, skipDamaged, isUndo }: Restored): Promise<void> {
  const { client, supervisor, log } = services;
  const { undoId } = await withProgress(services, 'restore', (options) =>
    client.request('backup/restore', { id, skipDamaged }, options),
  );
  // Whatever shows a conversation shows the former one until it attaches anew, as it does at a new server.
  await supervisor.restart();
  if (undoId === null) return;
  logFailure(log, 'Offering to take a restore back', offerUndo(services, { undoId, isUndo }));
}

async function offerUndo(
  services: CommandServices,
  { undoId, isUndo }: { readonly undoId: string; readonly isUndo: boolean },
): Promise<void> {
  const undo = isUndo ? vscode.l10n.t('Restore Again') : vscode.l10n.t('Undo');
  const done = isUndo ? vscode.l10n.t('The restore was undone.') : vscode.l10n.t('The backup was restored.');
  const answer = await vscode.window.showInformationMessage(done, undo);
  if (answer !== undo) return;
  try {
    await restore(services, { id: undoId, skipDamaged: false, isUndo: !isUndo });
  } catch (error) {
    // The command that offered this has ended, and says nothing any more.
    showError(error, services.log);
  }
}

async function pickBackup({ client }: CommandServices): Promise<BackupSummary | undefined> {
  const { backups } = await client.request('backup/list', {}, { timeoutMs: longestMs });
  if (backups.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no backup yet that could be restored.'));
    return undefined;
  }
  const entries = backups.map((backup) => ({
    label: backup.status === 'damaged' ? `$(warning) ${madeAt(backup)}` : madeAt(backup),
    description: vscode.l10n.t('Conversations: {0}, {1}', backup.conversations, describeBytes(backup.sizeBytes)),
    detail: [
      ...(backup.reason === null ? [] : [describeReason(backup.reason)]),
      ...(backup.status === 'partial' ? [vscode.l10n.t('some files could not be read')] : []),
      ...(backup.status === 'damaged' ? [vscode.l10n.t('damaged: only what is whole can be restored')] : []),
    ].join(', '),
    backup,
  }));
  const title = vscode.l10n.t('Restore which backup?');
  return (await vscode.window.showQuickPick(entries, { title, matchOnDescription: true, matchOnDetail: true }))?.backup;
}

/** As much of a list as a message can show. */
function listed(names: readonly string[]): string {
  const text = names.join(', ');
  return text.length <= maxListedChars ? text : `${text.slice(0, maxListedChars)}…`;
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
  const title = titleOf(work);
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, async (progress, cancellation) => {
    const told = client.onNotification('backup/progressed', (step) => {
      if (step.work !== (work === 'create' ? 'create' : 'restore') || step.total === 0) return;
      progress.report({ message: vscode.l10n.t('{0} of {1} files', step.done, step.total) });
    });
    try {
      return await run({ cancellation, timeoutMs: longestMs });
    } finally {
      told.dispose();
    }
  });
}

function titleOf(work: Work): string {
  switch (work) {
    case 'create':
      return vscode.l10n.t('Making a backup');
    case 'compare':
      return vscode.l10n.t('Reading the backup');
    case 'restore':
      return vscode.l10n.t('Restoring the backup');
  }
}
