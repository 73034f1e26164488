import * as path from 'node:path';
import { z } from 'zod';
import type { BackupReason } from '../../../protocol/backup.ts';
import { CodedError } from '../../../protocol/errors.ts';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder, exists } from '../../base/folders.ts';
import type { Logger } from '../../base/logger.ts';
import type { BackupService } from './backupService.ts';

const dayMs = 86_400_000;
const checkEveryMs = 60 * 60_000;
/** So late after the start that it delays nothing a person waits for. */
const firstCheckMs = 2 * 60_000;
const maxMarkBytes = 4_096;

const lastRun = z.object({ version: z.string() });

interface AutomaticBackupsOptions {
  readonly dataFolder: string;
  readonly productVersion: string;
  readonly backups: Pick<BackupService, 'create' | 'list'>;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is wrong, for the person; undefined when it is over. */
  readonly onTrouble: (message: string | undefined) => void;
}

/**
 * Makes a backup whenever another version of this program has used the data folder before, and once a day. Where several
 * servers run, the one that has the lock makes it, and the others find it made.
 */
export class AutomaticBackups {
  private readonly options: AutomaticBackupsOptions;
  private readonly ending = new AbortController();
  private timer: Disposable | undefined;
  private running: Promise<void>;

  constructor(options: AutomaticBackupsOptions) {
    this.options = options;
    this.running = this.beforeUpgrade();
    this.schedule(firstCheckMs);
  }

  /** Stops a backup that is being made. */
  async dispose(): Promise<void> {
    this.timer?.dispose();
    this.ending.abort();
    await this.running;
  }

  private schedule(delayMs: number): void {
    if (this.ending.signal.aborted) return;
    this.timer = this.options.clock.after(delayMs, () => {
      this.running = this.running.then(() => this.onceADay()).finally(() => this.schedule(checkEveryMs));
    });
  }

  /** Never rejects. */
  private async beforeUpgrade(): Promise<void> {
    const { productVersion, logger } = this.options;
    try {
      const former = await this.formerVersion();
      if (former === productVersion) return;
      if (!(await this.make('upgrade'))) return;
      await this.noteVersion();
      logger.info('This version uses the data folder for the first time', { former, version: productVersion });
    } catch (error) {
      logger.warn('The version that uses the data folder could not be noted', { error });
    }
  }

  /** Never rejects. */
  private async onceADay(): Promise<void> {
    const { backups, clock, logger } = this.options;
    try {
      const newest = (await backups.list()).backups.find(({ status }) => status !== 'damaged')?.createdAt;
      const ageMs = clock.now() - (newest ?? -Infinity);
      // One from the future was made by a clock that was wrong, and says nothing.
      if (ageMs >= 0 && ageMs < dayMs) return;
      await this.make('daily');
    } catch (error) {
      logger.warn('Whether a backup is due could not be found out', { error });
    }
  }

  /** Answers whether there is a backup now. */
  private async make(reason: BackupReason): Promise<boolean> {
    const { backups, dataFolder, fileSystem, logger, onTrouble } = this.options;
    const { signal } = this.ending;
    try {
      // Before the first conversation there is nothing to save.
      if (!(await exists(path.join(dataFolder, 'conversations'), fileSystem))) return true;
      await backups.create(reason, { signal });
      onTrouble(undefined);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      // Another server is making it.
      if (error instanceof CodedError && error.reason === 'Conflict') return false;
      logger.error('An automatic backup failed', { reason, error });
      const what = error instanceof CodedError ? error.message : 'The log says why.';
      onTrouble(`The automatic backup failed, and is tried again within an hour. ${what}`);
      return false;
    }
  }

  private async formerVersion(): Promise<string | undefined> {
    const { fileSystem } = this.options;
    try {
      const file = await fileSystem.open(this.markFile, 'read');
      try {
        const bytes = Buffer.alloc(maxMarkBytes);
        return lastRun.safeParse(JSON.parse(bytes.toString('utf8', 0, await file.read(bytes, 0)))).data?.version;
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  private async noteVersion(): Promise<void> {
    const { fileSystem, productVersion } = this.options;
    await ensureFolder(path.dirname(this.markFile), fileSystem);
    await writeFileAtomic(this.markFile, `${JSON.stringify({ version: productVersion })}\n`, fileSystem);
  }

  private get markFile(): string {
    return path.join(this.options.dataFolder, 'servers', 'lastRun.json');
  }
}
