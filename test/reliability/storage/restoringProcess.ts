import { writeSync } from 'node:fs';
import { systemClock } from '../../../server/src/base/clock.ts';
import { nodeFileSystem } from '../../../server/src/base/fileSystem.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { createProcessTable } from '../../../server/src/base/processTable.ts';
import { BackupService } from '../../../server/src/storage/backups/backupService.ts';
import { StorageGate } from '../../../server/src/storage/backups/storageGate.ts';
import { RecordedAudit } from '../../support/recordedAudit.ts';

/**
 * Restores two backups by turns, each of which first makes one of the present state, until it is killed. Says on stdout,
 * by a write that has happened when it returns, what it is at. Arguments: data folder, ids of the two backups.
 */
const [dataFolder = '', ...ids] = process.argv.slice(2);
const service = new BackupService({
  dataFolder,
  productVersion: '1.2.3',
  fileSystem: nodeFileSystem,
  processes: createProcessTable(),
  clock: systemClock,
  gate: new StorageGate(systemClock),
  closeConversations: () => Promise.resolve(),
  refuseWhileBusy: () => undefined,
  audit: new RecordedAudit(),
  logger: createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn'),
  onTrouble: (message) => writeSync(2, `${message ?? 'mended'}\n`),
});
const { signal } = new AbortController();
service.start();
await service.started(AbortSignal.timeout(20_000));
for (let round = 0; ; round += 1) {
  writeSync(1, 'restoring\n');
  await service.restore({ id: ids[round % ids.length] ?? '' }, { signal });
}
