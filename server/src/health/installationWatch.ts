import * as fs from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { errorCode } from '../base/fileSystem.ts';
import { replacedText } from '../base/lateParts.ts';
import type { Logger } from '../base/logger.ts';
import type { HealthService } from './healthService.ts';

const checkEveryMs = 5_000;

interface InstallationWatchOptions {
  /** A file that is loaded late. */
  readonly file: string;
  readonly health: HealthService;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells the server's health when an update has removed the files that it runs from. They do not come back. */
export class InstallationWatch implements Disposable {
  private readonly options: InstallationWatchOptions;
  private timer: Disposable | undefined;
  private isDisposed = false;

  constructor(options: InstallationWatchOptions) {
    this.options = options;
    this.checkLater();
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
  }

  private checkLater(): void {
    this.timer = this.options.clock.after(checkEveryMs, () => void this.check());
  }

  private async check(): Promise<void> {
    const { file, health, logger } = this.options;
    const isGone = await isMissing(file);
    if (this.isDisposed) return;
    if (!isGone) {
      this.checkLater();
      return;
    }
    logger.error('The files that this server runs from are gone; an update has most likely replaced them');
    health.setComponent('installation', 'degraded', replacedText);
  }
}

/** Anything else that a file system may answer, such as a share that is away for a moment, says nothing of an update. */
async function isMissing(file: string): Promise<boolean> {
  try {
    await fs.access(file);
    return false;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}
