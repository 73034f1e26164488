import { CodedError } from '../../../protocol/errors.ts';
import type { BackupManifest } from './backupManifest.ts';
import type { DamagedFile } from './backupReading.ts';
import { isInside, type RestorePlan } from './restorePlan.ts';
import type { OtherServer } from './runningServers.ts';

/** Throws `Conflict` where other processes use the data folder, naming them and what is open in them. */
export function refuseOthers(others: readonly OtherServer[]): void {
  if (others.length === 0) return;
  const named = others.map(({ pid, folders }) => (folders.length === 0 ? `${pid}` : `${pid} (${folders.join(', ')})`));
  throw new CodedError(
    'Conflict',
    `Process ${named.join(', ')} uses this data folder, so nothing was restored. Close that window or program and try again.`,
    { args: { pid: others.map(({ pid }) => pid).join(', ') } },
  );
}

/** Throws `Unavailable` where files that were to be restored are damaged, unless these may be left as they are now. */
export function refuseDamaged(
  { backupId }: RestorePlan,
  [first, ...others]: readonly DamagedFile[],
  { sessionId, skipDamaged = false }: { readonly sessionId?: string | undefined; readonly skipDamaged?: boolean },
): void {
  if (first === undefined || (skipDamaged && sessionId === undefined)) return;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const what = `Backup ${backupId} was not restored: ${first.path} is damaged (${first.why})${more}. Nothing was changed.`;
  const remedy =
    sessionId === undefined
      ? 'Restore what is whole of it (--skip-damaged; the damaged files then stay as they are now), or make a new backup first: what still is as it was then is stored again, which may mend this one.'
      : 'Make a new backup first: if the conversation still is as it was then, it is stored again, which mends this one. Or take another backup.';
  throw new CodedError('Unavailable', `${what} ${remedy}`, { args: { id: backupId, path: first.path } });
}

/** Throws `Conflict` where something that is going to be replaced is not in the backup that was made before. */
export function refuseIfUnreadable({ unreadable }: BackupManifest, names: readonly string[]): void {
  const lost = unreadable.find(
    (file) => isInside(file.path, names) || names.some((name) => isInside(name, [file.path])),
  );
  if (lost === undefined) return;
  throw new CodedError(
    'Conflict',
    `Nothing was restored: ${lost.path} cannot be read (${lost.code}), so the present state could not be saved first. Mend that file, or move it out of the data folder.`,
    { args: { path: lost.path, code: lost.code } },
  );
}
