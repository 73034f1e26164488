import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { errorCode, type FileSystem } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';

const firstRetryMs = 1_000;
const slowestRetryMs = 30_000;

interface ReleasedClaimsOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Claims that were given back and that the disk did not let be removed. Here they count no more; other processes go on
 * seeing them, so their removal is tried again until it succeeds.
 */
export class ReleasedClaims {
  private readonly options: ReleasedClaimsOptions;
  private readonly paths = new Set<string>();
  private timer: Disposable | undefined;
  private failures = 0;
  private isClosed = false;

  constructor(options: ReleasedClaimsOptions) {
    this.options = options;
  }

  has(claimPath: string): boolean {
    return this.paths.has(claimPath);
  }

  /** Never rejects: what cannot be removed now, at a second try either, is removed later. */
  async remove(claimPath: string): Promise<void> {
    this.paths.add(claimPath);
    await this.tryOnce(claimPath);
    if (this.has(claimPath)) await this.tryOnce(claimPath);
    if (this.has(claimPath)) this.schedule();
  }

  /** Tries for the last time. What is still there then ends with the process. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.dispose();
    await this.tryAll();
  }

  private schedule(): void {
    if (this.isClosed || this.timer !== undefined) return;
    const delayMs = Math.min(firstRetryMs * 2 ** this.failures, slowestRetryMs);
    this.timer = this.options.clock.after(delayMs, () => void this.retry());
  }

  /** Never rejects. */
  private async retry(): Promise<void> {
    await this.tryAll();
    this.timer = undefined;
    this.failures = this.paths.size > 0 ? this.failures + 1 : 0;
    if (this.paths.size > 0) this.schedule();
  }

  private async tryAll(): Promise<void> {
    for (const claimPath of [...this.paths]) await this.tryOnce(claimPath);
  }

  private async tryOnce(claimPath: string): Promise<void> {
    try {
      await this.options.fileSystem.remove(claimPath);
    } catch (error) {
      if (!isGone(error)) {
        this.options.logger.info('A claim could not be removed yet', { claimPath, error });
        return;
      }
    }
    this.paths.delete(claimPath);
  }
}

/** With its folder, perhaps. */
function isGone(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
}
