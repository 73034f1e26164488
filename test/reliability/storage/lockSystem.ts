import { systemClock } from '../../../server/src/base/clock.ts';
import { nodeFileSystem } from '../../../server/src/base/fileSystem.ts';
import { createProcessTable } from '../../../server/src/base/processTable.ts';
import { ReleasedClaims } from '../../../server/src/storage/releasedClaims.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

/** What a lock needs, all of it the machine's own. */
export function lockSystem() {
  const around = { fileSystem: nodeFileSystem, clock: systemClock, logger: recordingLogger().logger };
  return { ...around, processes: createProcessTable(), released: new ReleasedClaims(around) };
}
