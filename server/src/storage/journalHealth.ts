import { writeFileAtomic } from '../base/atomicFile.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { FileSystem } from '../base/fileSystem.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { Logger } from '../base/logger.ts';
import { storageFailed } from './errors.ts';

const probeEveryMs = 5_000;
/** More than what a file that is there already may still take without a new block. */
const probeBytes = 64 * 1024;

export interface JournalHealthOptions {
  /** A file that can be made in the data folder, and removed again. */
  readonly probePath: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with what is wrong and what to do when journals can no longer be written, and with nothing once they can. */
  readonly onTrouble: (message?: string) => void;
}

/**
 * Knows whether conversations can be saved. Once the disk has refused an event, a file is written every 5 seconds, until
 * that works: nobody has to send a message to see that the disk was mended.
 */
export class JournalHealth {
  private readonly options: JournalHealthOptions;
  private timer: Disposable | undefined;
  private message: string | undefined;
  private probing: Promise<void> | undefined;
  private isClosed = false;

  constructor(options: JournalHealthOptions) {
    this.options = options;
  }

  /** An event is on the disk. On a full one a small event may find room behind the last, so that alone is no good news. */
  noteWritten(): void {
    if (this.message !== undefined) this.probeNow();
  }

  /** The disk refused. What was refused for another reason, such as a lease that was lost, says nothing of the disk. */
  noteRefused(error: unknown): void {
    if (error instanceof CodedError || this.isClosed) return;
    const { message } = storageFailed('save the conversation', error);
    if (message !== this.message) {
      this.message = message;
      this.options.logger.error('Conversations cannot be saved', { error });
      this.options.onTrouble(`${message} This warning goes by itself.`);
    }
    this.probeLater();
  }

  /** Resolves once nothing is being written any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.dispose();
    await this.probing;
  }

  private probeLater(): void {
    this.timer?.dispose();
    this.timer = this.options.clock.after(probeEveryMs, () => this.probeNow());
  }

  private probeNow(): void {
    if (this.isClosed) return;
    this.timer?.dispose();
    this.probing ??= this.probe().finally(() => (this.probing = undefined));
  }

  /** Never rejects. */
  private async probe(): Promise<void> {
    const { probePath, fileSystem } = this.options;
    try {
      await writeFileAtomic(probePath, Buffer.alloc(probeBytes), fileSystem);
      await fileSystem.remove(probePath);
    } catch (error) {
      this.noteRefused(error);
      return;
    }
    this.message = undefined;
    this.options.logger.info('Conversations can be saved again');
    this.options.onTrouble();
  }
}
