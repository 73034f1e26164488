import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder, namesIn } from '../../base/folders.ts';
import type { ProcessIdentity, ProcessTable } from '../../base/processTable.ts';

const markPattern = /^(\d{1,10})-([\dA-Za-z]*)-[\da-f]{12}$/;
const claimPattern = /\.lock-(\d{1,10})-([\dA-Za-z]*)-[\da-f]{12}$/;

interface System {
  readonly dataFolder: string;
  readonly fileSystem: FileSystem;
  readonly processes: ProcessTable;
}

/**
 * Which processes use a data folder: each leaves a mark in `servers/running`, whose name says who it is. Whoever wants
 * to replace the data folder says so first and then looks for marks; a server first leaves its mark and then looks
 * whether somebody replaces the folder. So at least one of the two sees the other.
 */
export class RunningServers {
  private readonly system: System;
  private readonly folder: string;
  private own: string | undefined;

  constructor(system: System) {
    this.system = system;
    this.folder = path.join(system.dataFolder, 'servers', 'running');
  }

  /** Leaves the mark of this process. */
  async enter(): Promise<void> {
    const { fileSystem, processes } = this.system;
    const self = await processes.self();
    const own = `${self.pid}-${self.startedAt}-${randomBytes(6).toString('hex')}`;
    await ensureFolder(this.folder, fileSystem);
    // For a person who wonders about the file; the program reads only the name.
    await writeFileAtomic(path.join(this.folder, own), `${JSON.stringify(self)}\n`, fileSystem);
    this.own = own;
  }

  async leave(): Promise<void> {
    if (this.own !== undefined) await this.remove(this.own);
    this.own = undefined;
  }

  /** Process ids of the others that use the data folder now, those that hold a conversation without a mark included. */
  async others(): Promise<number[]> {
    const { dataFolder, fileSystem, processes } = this.system;
    const self = await processes.self();
    const pids = new Set<number>();
    for (const name of await namesIn(this.folder, fileSystem)) {
      const holder = name === this.own ? undefined : holderOf(markPattern.exec(name));
      if (holder === undefined) continue;
      if (await processes.isAlive(holder)) pids.add(holder.pid);
      else await this.remove(name);
    }
    const conversations = path.join(dataFolder, 'conversations');
    for (const workspace of await namesIn(conversations, fileSystem)) {
      for (const name of await this.namesInFolder(path.join(conversations, workspace))) {
        const holder = holderOf(claimPattern.exec(name));
        if (holder !== undefined && holder.pid !== self.pid && (await processes.isAlive(holder))) pids.add(holder.pid);
      }
    }
    return [...pids];
  }

  private async namesInFolder(folder: string): Promise<readonly string[]> {
    const isFolder = (await this.system.fileSystem.stat(folder)).kind === 'folder';
    return isFolder ? namesIn(folder, this.system.fileSystem) : [];
  }

  private async remove(name: string): Promise<void> {
    try {
      await this.system.fileSystem.remove(path.join(this.folder, name));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

function holderOf(match: RegExpExecArray | null): ProcessIdentity | undefined {
  return match === null ? undefined : { pid: Number(match[1]), startedAt: match[2] ?? '' };
}
