import type { backup } from '../../../protocol/backup.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client, Handlers } from '../../base/handlers.ts';
import { summaryOf, unopenableOf, type Progress } from './backupStore.ts';
import type { BackupService } from './backupService.ts';

/** A person sees no more steps than this anyway. */
const tellEveryMs = 100;
const maxTold = 100;

/** Answers the contract's group `backup`. */
export function createBackupHandlers(backups: BackupService, clock: Clock): Handlers<typeof backup> {
  return {
    'backup/create': async (_params, { client, signal }) => {
      const manifest = await backups.create('manual', { signal, onProgress: tell(client, 'create', clock) });
      const { id, number, unreadable } = manifest;
      return {
        backup: summaryOf({ id, number, manifest, isWhole: true }),
        unreadable: unreadable.slice(0, maxTold),
        unopenable: unopenableOf(manifest).slice(0, maxTold),
      };
    },
    'backup/list': () => backups.list(),
    'backup/verify': ({ id }, { client, signal }) =>
      backups.verify(id, { signal, onProgress: tell(client, 'verify', clock) }),
    'backup/restore': ({ dryRun, ...wanted }, { client, signal }) => {
      const asked = { signal, onProgress: tell(client, 'restore', clock) };
      return dryRun ? backups.compare(wanted, asked) : backups.restore(wanted, asked);
    },
  };
}

/** Only the client that asked is told, now and then, and at the end. */
function tell(client: Client, work: 'create' | 'verify' | 'restore', clock: Clock): Progress {
  let toldAt = -Infinity;
  return (done, total) => {
    if (done < total && clock.now() - toldAt < tellEveryMs) return;
    toldAt = clock.now();
    client.notify('backup/progressed', { work, done, total });
  };
}
