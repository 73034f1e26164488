import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import * as path from 'node:path';
import { DataFolderWatch } from '../../../server/src/health/dataFolderWatch.ts';
import { HealthService } from '../../../server/src/health/healthService.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('The watch over the data folder', () => {
  it('says that the folder cannot be written for as long as that is so, and no longer', async () => {
    const folder = temporaryFolder();
    const dataFolder = path.join(folder.path, 'data');
    const clock = new FakeClock();
    const health = new HealthService({ clock, version: '1.2.3' });
    health.markStarted({ restarts: 0, recovered: false });
    const { logger } = recordingLogger();
    const watch = new DataFolderWatch({ dataFolder, health, clock, logger });
    try {
      await waitFor('the trouble to be told', () => health.current().status === 'degraded');
      assert.match(health.current().components['dataFolder']?.message ?? '', /cannot be written \(ENOENT\).*Make it/);
      mkdirSync(dataFolder);
      await waitFor('the end of the trouble', () => {
        clock.advance(5_000);
        return health.current().status === 'ready';
      });
      rmdirSync(dataFolder);
    } finally {
      watch.dispose();
      folder.remove();
    }
    clock.advance(60_000);
    assert.equal(health.current().status, 'ready', 'nothing is looked at after the disposal');
  });
});
