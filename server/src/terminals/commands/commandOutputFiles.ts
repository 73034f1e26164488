import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { TerminalId } from '../../../protocol/terminal.ts';
import { errorCode } from '../../base/fileSystem.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { createProcessTable } from '../../base/processTable.ts';
import { CommandOutputFile } from './commandOutputFile.ts';

export interface OutputFilesBounds {
  readonly totalBytes: number;
  readonly keepMs: number;
}

const defaultBounds: OutputFilesBounds = { totalBytes: 268_435_456, keepMs: 7 * 24 * 60 * 60_000 };

/**
 * The files with long outputs of commands, named after their terminals: 256 MiB and 7 days in all, the oldest go first. One
 * that a living process writes stays, whichever server of the data folder that is.
 */
export class CommandOutputFiles {
  private readonly options: {
    readonly folder: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly bounds?: OutputFilesBounds;
  };
  private readonly inUse = new Set<string>();
  private readonly processes = createProcessTable();
  private sweeping: Promise<void> | undefined;

  /** `folder` is private to us, and shared by all servers of the data folder. */
  constructor(options: CommandOutputFiles['options']) {
    this.options = options;
  }

  /** The file of a command that runs: a new one, or the one that a server which is gone has begun. */
  async openForWriting(id: TerminalId, conversationId: string | null): Promise<CommandOutputFile> {
    await fs.mkdir(this.options.folder, { recursive: true, mode: 0o700 });
    const file = this.fileOf(id);
    const opened = (await CommandOutputFile.open(file)) ?? (await CommandOutputFile.create(file, conversationId));
    try {
      await opened.beginWriting(await this.processes.self());
    } catch (error) {
      await opened.close();
      throw error;
    }
    this.inUse.add(id);
    this.sweep();
    return opened;
  }

  /** For reading; undefined where nothing is kept. Whoever opens it closes it. */
  open(id: TerminalId): Promise<CommandOutputFile | undefined> {
    return CommandOutputFile.open(this.fileOf(id));
  }

  /** The command has ended and its file is closed: from now on it may go when room is needed. */
  release(id: TerminalId): void {
    this.inUse.delete(id);
    this.sweep();
  }

  /** Removes what is too old or too much, some time after the call. */
  sweep(): void {
    this.sweeping ??= this.removeOldest()
      .catch((error: unknown) => this.options.logger.warn('Old outputs of commands could not be removed', { error }))
      .finally(() => (this.sweeping = undefined));
  }

  /** Resolves once no sweep is under way. */
  async settled(): Promise<void> {
    await this.sweeping;
  }

  private fileOf(id: TerminalId): string {
    return path.join(this.options.folder, id);
  }

  private async removeOldest(): Promise<void> {
    const { folder, clock, bounds = defaultBounds } = this.options;
    const files = (await listFiles(folder)).sort((a, b) => b.modifiedAt - a.modifiedAt);
    let totalBytes = 0;
    for (const { name, sizeBytes, modifiedAt } of files) {
      totalBytes += sizeBytes;
      const isOld = clock.now() - modifiedAt > bounds.keepMs;
      if (this.inUse.has(name) || (!isOld && totalBytes <= bounds.totalBytes)) continue;
      const file = path.join(folder, name);
      if (!(await this.isBeingWritten(file))) await fs.rm(file, { force: true });
    }
  }

  private async isBeingWritten(file: string): Promise<boolean> {
    const opened = await CommandOutputFile.open(file);
    if (!opened) return false;
    await opened.close();
    return opened.writer !== undefined && this.processes.isAlive(opened.writer);
  }
}

async function listFiles(folder: string): Promise<{ name: string; sizeBytes: number; modifiedAt: number }[]> {
  const names = await fs.readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const files = [];
  for (const name of names) {
    const stats = await fs.stat(path.join(folder, name)).catch(() => undefined);
    if (stats?.isFile()) files.push({ name, sizeBytes: stats.size, modifiedAt: stats.mtimeMs });
  }
  return files;
}
