import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { errorCode } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import type { HealthService } from './healthService.ts';

const checkEveryMs = 5_000;

interface DataFolderWatchOptions {
  readonly dataFolder: string;
  readonly health: HealthService;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells the server's health whether the data folder can be written, every 5 seconds, so that a person learns of a
 * read-only disk before something could not be kept, and sees when it was mended.
 */
export class DataFolderWatch implements Disposable {
  private readonly options: DataFolderWatchOptions;
  private timer: Disposable | undefined;
  private isDisposed = false;
  private problem: string | undefined;

  constructor(options: DataFolderWatchOptions) {
    this.options = options;
    void this.check();
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
  }

  /** The next check waits for this one, so a disk that hangs is asked once only. */
  private async check(): Promise<void> {
    const code = await findProblem(this.options.dataFolder);
    if (this.isDisposed) return;
    this.report(code);
    this.timer = this.options.clock.after(checkEveryMs, () => void this.check());
  }

  private report(code: string | undefined): void {
    if (code === this.problem) return;
    this.problem = code;
    const { health, logger } = this.options;
    if (code === undefined) {
      logger.info('The data folder can be written again');
      health.setComponent('dataFolder', 'ready');
      return;
    }
    logger.error('The data folder cannot be written', { code });
    const what = `The data folder cannot be written (${code}), so nothing new can be kept and no terminal can start.`;
    health.setComponent('dataFolder', 'degraded', `${what} Make it writable; this message then goes by itself.`);
  }
}

async function findProblem(folder: string): Promise<string | undefined> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return errorCode(error) ?? 'unknown error';
  }
}
