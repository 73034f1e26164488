import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { errorCode } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { createProcessTable } from '../base/processTable.ts';

/** A start is busy enough without it, and a server that lives for a moment only leaves it to others. */
const firstSweepMs = 5_000;
const sweepIntervalMs = 6 * 60 * 60_000;
/** What is written under a passing name is in its place within moments. */
const unfinishedKeepMs = 60 * 60_000;
/** Entries looked at in one folder and one sweep; the next sweep goes on. */
const maxEntries = 1_000;

export interface OrphanSweepOptions {
  /** Their entries are folders of servers, as `ownFolder` names them. */
  readonly parents: readonly string[];
  /** Where the pty host's token and record are written under passing names first. */
  readonly ptyHostFolder: string;
  /** The files with long outputs, which have bounds of their own. */
  readonly outputs: { sweep(): void };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A folder in `parent` for what is of use to this process only: variables and secrets of shells. It is not made. */
export function ownFolder(parent: string, instanceId: string): string {
  return path.join(parent, `${process.pid}-${instanceId}`);
}

/**
 * Removes what servers have left that ended without a word: their own folders, files that were never put in place, and
 * outputs that are too old or too much. A while after the start, and then every six hours.
 */
export class OrphanSweep implements Disposable {
  private readonly options: OrphanSweepOptions;
  private readonly store = new DisposableStore();

  constructor(options: OrphanSweepOptions) {
    this.options = options;
    this.sweepAfter(firstSweepMs);
  }

  dispose(): void {
    this.store.dispose();
  }

  private sweepAfter(delayMs: number): void {
    const timer = this.store.add(
      this.options.clock.after(delayMs, () => {
        this.store.delete(timer);
        this.sweep().catch((error: unknown) => {
          this.options.logger.warn('What dead servers have left could not be removed', { error });
        });
        this.sweepAfter(sweepIntervalMs);
      }),
    );
  }

  private async sweep(): Promise<void> {
    const { outputs, parents, ptyHostFolder } = this.options;
    outputs.sweep();
    for (const parent of parents) await removeFoldersOfDead(parent);
    await this.removeUnfinished(ptyHostFolder);
  }

  private async removeUnfinished(folder: string): Promise<void> {
    const isUnfinished = /^\.token-[0-9a-f]{12}$|^host-\d+\.json\.[0-9a-f]{12}\.tmp$/;
    for (const name of await namesIn(folder)) {
      if (!isUnfinished.test(name)) continue;
      const file = path.join(folder, name);
      const stats = await fs.stat(file).catch(() => undefined);
      if (stats && this.options.clock.now() - stats.mtimeMs > unfinishedKeepMs) await fs.rm(file, { force: true });
    }
  }
}

async function removeFoldersOfDead(parent: string): Promise<void> {
  const processes = createProcessTable();
  for (const name of await namesIn(parent)) {
    const pid = Number(/^(\d+)-[0-9a-f]+$/.exec(name)?.[1]);
    if (!Number.isInteger(pid) || (await processes.isAlive({ pid, startedAt: '' }))) continue;
    await fs.rm(path.join(parent, name), { recursive: true, force: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await fs.readdir(folder)).slice(0, maxEntries);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
