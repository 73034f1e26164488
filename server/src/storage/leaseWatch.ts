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
  /** Called once, when nobody holds the lease any more. Whether one gets it oneself is another question. */
  readonly onFree: () => void;
}

/** Looks whether a conversation that somebody else holds has become free: given back, or its holder dead. */
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
    const { logger, conversationId, onFree } = this.options;
    try {
      if (await this.isFree()) {
        if (!this.isDisposed) onFree();
        return;
      }
    } catch (error) {
      logger.info('Whether a conversation has become free could not be found out', { conversationId, error });
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
