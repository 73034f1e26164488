import * as path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { errorCode, type FileSystem } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import type { ProcessTable } from '../base/processTable.ts';
import { liveClaims } from './conversationLock.ts';
import type { ReleasedClaims } from './releasedClaims.ts';

/** Whether the claim is still there is asked this often: one look at one file. */
const lookEveryMs = 1_000;
/** Whether its process lives, every so many looks: on some systems that takes a process to find out. */
const looksBetweenQuestions = 3;

interface LeaseWatchOptions {
  readonly folder: string;
  readonly conversationId: string;
  readonly fileSystem: FileSystem;
  readonly processes: ProcessTable;
  readonly released: ReleasedClaims;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether somebody else holds it, as was found before. */
  readonly isHeld: boolean;
  /** Called once, when that is no longer so. Whether one gets the lease oneself is another question. */
  readonly onChanged: () => void;
}

/** Looks whether a conversation that somebody else holds has become free, given back or its holder dead; or whether one that was free is held. */
export class LeaseWatch implements Disposable {
  private readonly options: LeaseWatchOptions;
  /** Names of claims that were of live processes when they were last asked about. */
  private claims: readonly string[] = [];
  private looks = 0;
  private timer: Disposable | undefined;
  private isDisposed = false;

  constructor(options: LeaseWatchOptions) {
    this.options = options;
    this.schedule();
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
  }

  private schedule(): void {
    if (this.isDisposed) return;
    this.timer = this.options.clock.after(lookEveryMs, () => void this.look());
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    const { logger, conversationId, isHeld, onChanged } = this.options;
    try {
      if ((await this.isFree()) === isHeld) {
        if (!this.isDisposed) onChanged();
        return;
      }
    } catch (error) {
      logger.info('Whether a conversation is held could not be found out', { conversationId, error });
    }
    this.schedule();
  }

  private async isFree(): Promise<boolean> {
    const { folder, fileSystem } = this.options;
    this.looks += 1;
    const mayBeDead = this.looks % looksBetweenQuestions === 0;
    if (!mayBeDead && this.claims.length > 0 && (await this.areThere())) return false;
    this.claims = await liveClaims(this.options, await fileSystem.list(folder), this.options);
    return this.claims.length === 0;
  }

  private async areThere(): Promise<boolean> {
    try {
      for (const name of this.claims) await this.options.fileSystem.stat(path.join(this.options.folder, name));
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }
}
