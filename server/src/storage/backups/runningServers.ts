import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder, namesIn } from '../../base/folders.ts';
import type { ProcessIdentity, ProcessTable } from '../../base/processTable.ts';

const markPattern = /^(\d{1,10})-([\dA-Za-z]*)-[\da-f]{12}$/;
const claimPattern = /\.lock-(\d{1,10})-([\dA-Za-z]*)-[\da-f]{12}$/;

/** What a mark holds. Who it is stands in its name; the folders are for a person who is told to close that window. */
const markContent = z.object({ folders: z.array(z.string().max(4_096)) });
const maxMarkBytes = 65_536;
const maxFolders = 3;

/** A process that uses the data folder, and the folders that are open in it, as far as it says so. */
export interface OtherServer {
  readonly pid: number;
  readonly folders: readonly string[];
}

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
  private openFolders: readonly string[] = [];
  private writing: Promise<void> = Promise.resolve();

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
    this.own = own;
    await this.noteFolders(this.openFolders);
  }

  /** Says which folders are open in this process, in its mark if there is one already. Rejects with what the disk says. */
  async noteFolders(folders: readonly string[]): Promise<void> {
    this.openFolders = folders.slice(0, maxFolders);
    this.writing = this.writing
      // Whoever wanted the former one was told.
      .catch(() => undefined)
      .then(() => (this.own === undefined ? undefined : this.write(this.own)));
    await this.writing;
  }

  async leave(): Promise<void> {
    const { own } = this;
    this.own = undefined;
    // A mark that is written meanwhile must not outlive this.
    await this.writing.catch(() => undefined);
    if (own !== undefined) await this.remove(own);
  }

  /** The others that use the data folder now, those that hold a conversation without a mark included. */
  async others(): Promise<OtherServer[]> {
    const { dataFolder, fileSystem, processes } = this.system;
    const self = await processes.self();
    const found = new Map<number, readonly string[]>();
    for (const name of await namesIn(this.folder, fileSystem)) {
      const holder = name === this.own ? undefined : holderOf(markPattern.exec(name));
      if (holder === undefined) continue;
      if (await processes.isAlive(holder)) found.set(holder.pid, await this.foldersIn(name));
      else await this.remove(name);
    }
    const conversations = path.join(dataFolder, 'conversations');
    for (const workspace of await namesIn(conversations, fileSystem)) {
      for (const name of await this.namesInFolder(path.join(conversations, workspace))) {
        const holder = holderOf(claimPattern.exec(name));
        if (holder === undefined || holder.pid === self.pid || found.has(holder.pid)) continue;
        if (await processes.isAlive(holder)) found.set(holder.pid, []);
      }
    }
    return [...found].map(([pid, folders]) => ({ pid, folders }));
  }

  private async write(name: string): Promise<void> {
    const content = { ...(await this.system.processes.self()), folders: this.openFolders };
    await writeFileAtomic(path.join(this.folder, name), `${JSON.stringify(content)}\n`, this.system.fileSystem);
  }

  /** What a mark says of itself; nothing where it cannot be read, for that it is there is what counts. */
  private async foldersIn(name: string): Promise<readonly string[]> {
    try {
      const file = await this.system.fileSystem.open(path.join(this.folder, name), 'read');
      try {
        const bytes = Buffer.alloc(maxMarkBytes);
        const text = bytes.toString('utf8', 0, await file.read(bytes, 0));
        return markContent.safeParse(JSON.parse(text)).data?.folders.slice(0, maxFolders) ?? [];
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errorCode(error) === undefined && !(error instanceof SyntaxError)) throw error;
      return [];
    }
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
