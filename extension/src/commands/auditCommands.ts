import * as vscode from 'vscode';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import type { CommandEntry, CommandServices } from './commandEntry.ts';

type Verdict = ResultOf<'audit/verify'>;

const dayMs = 24 * 60 * 60_000;
const ages = [30, 90, 365];

/** Commands about the audit log. */
export const auditCommands = {
  verifyAuditLog: { withoutServer: 'waits', run: verify },
  deleteAuditRecords: { withoutServer: 'waits', run: deleteOld },
} as const satisfies Record<string, CommandEntry>;

async function verify({ client, log }: CommandServices): Promise<void> {
  const title = vscode.l10n.t('Verifying the audit log');
  const progress = { location: vscode.ProgressLocation.Window, title };
  const verdict = await vscode.window.withProgress(progress, () => client.request('audit/verify', {}));
  const bad = verdict.firstBad;
  if (bad === null) {
    void vscode.window.showInformationMessage(describeIntact(verdict));
    return;
  }
  log.error(`The audit log is broken: ${bad.file}, line ${bad.line}, ${bad.reason}: ${bad.message}`);
  // A notification would cut the sentences off; and whoever asked has to know.
  const message = vscode.l10n.t('The audit log is broken: somebody has changed it, or its disk is damaged.');
  await vscode.window.showErrorMessage(message, { modal: true, detail: describeBad(verdict, bad) });
}

function describeBad({ problems }: Verdict, { file, line, message }: NonNullable<Verdict['firstBad']>): string {
  const where =
    line === 0 ? vscode.l10n.t('{0}: {1}', file, message) : vscode.l10n.t('{0}, line {1}: {2}', file, line, message);
  return problems === 1 ? where : `${where}\n${vscode.l10n.t('Problems in all: {0}.', problems)}`;
}

function describeIntact({ records, files, keys }: Verdict): string {
  if (files === 0) return vscode.l10n.t('The audit log has no records yet.');
  const names = keys.map(({ keyId }) => keyId.slice(0, 8)).join(', ');
  return vscode.l10n.t('The audit log is intact. Records: {0}, files: {1}, keys: {2}.', records, files, names);
}

async function deleteOld({ client }: CommandServices): Promise<void> {
  const items = ages.map((days) => ({ label: vscode.l10n.t('Older than {0} days', days), days }));
  const placeHolder = vscode.l10n.t('Which records of the audit log shall be deleted?');
  const chosen = await vscode.window.showQuickPick(items, { placeHolder });
  if (!chosen) return;
  const remove = vscode.l10n.t('Delete');
  const detail = vscode.l10n.t(
    'Whole files whose last record is older than {0} days are deleted for good. That they were deleted is recorded.',
    chosen.days,
  );
  const message = vscode.l10n.t('Delete old records of the audit log?');
  if ((await vscode.window.showWarningMessage(message, { modal: true, detail }, remove)) !== remove) return;
  const before = new Date(Date.now() - chosen.days * dayMs).toISOString();
  const { files } = await client.request('audit/delete', { before });
  void vscode.window.showInformationMessage(
    files === 0
      ? vscode.l10n.t('No file of the audit log is that old.')
      : vscode.l10n.t('Files of the audit log that were deleted: {0}.', files),
  );
}
