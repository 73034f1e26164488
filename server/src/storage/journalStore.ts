import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import type { CodedError } from '../../protocol/errors.ts';
import { conversationId as conversationIdSchema, type ConversationId } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import { errorCode, nodeFileSystem, type FileSystem } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { writeFileAtomic } from '../base/atomicFile.ts';
import { createProcessTable, type ProcessTable } from '../base/processTable.ts';
import type { ConversationJournal, ConversationSummary, JournalPurpose } from './conversationJournal.ts';
import { acquireLock } from './conversationLock.ts';
import { conversationNotFound, heldElsewhere, storageClosed, storageFailed } from './errors.ts';
import { ConversationList } from './conversationList.ts';
import type { ConversationIndex } from './index/conversationIndex.ts';
import { JournalHealth } from './journalHealth.ts';
import { headerJson, journalSuffix } from './journalFormat.ts';
import type { JournalSystem } from './journalSystem.ts';
import { openJournal } from './openJournal.ts';
import type { CompactionLimits, TurnCompactor } from './ports.ts';
import { encodeRecord } from './recordCodec.ts';
import { ReleasedClaims } from './releasedClaims.ts';
import { realFolders, workspaceKey } from './workspaceKey.ts';

interface JournalStoreOptions {
  readonly dataFolder: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly fileSystem?: FileSystem;
  readonly processes?: ProcessTable;
  /** Makes listing many conversations quick; without it they are listed from their journals alone. */
  readonly index?: ConversationIndex;
  /** Makes long journals shorter; without it they only grow. */
  readonly compactTurn?: TurnCompactor;
  readonly compactionLimits?: CompactionLimits;
  /** Called with what is wrong and what to do when conversations can no longer be saved, and with nothing once they can. */
  readonly onTrouble?: (message?: string) => void;
}

/**
 * The conversations of a data folder, one file each:
 * `conversations/<workspace key>/<conversation id>.journal`. Each that is open here is open once, however many callers
 * ask for it; the first `close` ends it for all of them.
 */
export class JournalStore {
  private readonly root: string;
  private readonly system: JournalSystem;
  private readonly summaries: ConversationList;
  private readonly index: ConversationIndex | undefined;
  private readonly openings = new Map<string, Promise<ConversationJournal>>();
  /** Folder of each conversation that was met, so that opening one need not look into every workspace. */
  private readonly folderOf = new Map<string, string>();
  private disposed = false;

  constructor({ dataFolder, index, ...parts }: JournalStoreOptions) {
    this.root = path.join(dataFolder, 'conversations');
    this.index = index;
    const around = {
      logger: parts.logger,
      clock: parts.clock,
      fileSystem: parts.fileSystem ?? nodeFileSystem,
    };
    this.system = {
      ...around,
      released: new ReleasedClaims(around),
      health: new JournalHealth({
        ...around,
        probePath: path.join(dataFolder, `.writeProbe-${process.pid}`),
        onTrouble: parts.onTrouble ?? (() => undefined),
      }),
      processes: parts.processes ?? createProcessTable(),
      compactTurn: parts.compactTurn,
      compactionLimits: parts.compactionLimits,
    };
    this.summaries = new ConversationList(this.system, index);
  }

  /** Begins a conversation. It is on disk, and open for writing, when this resolves. */
  async create(place: { cwd: string; workspaceFolders: readonly string[] }): Promise<ConversationJournal> {
    this.refuseIfDisposed();
    const workspaceFolders = await realFolders(place.workspaceFolders);
    const id = conversationIdSchema.parse(randomUUID());
    const folder = path.join(this.root, workspaceKey(workspaceFolders));
    const header = { conversationId: id, cwd: place.cwd, createdAt: this.system.clock.now(), workspaceFolders };
    try {
      await this.createFolders(folder);
      // Written aside and renamed, so that no crash leaves a journal without its header.
      const record = encodeRecord(headerJson(header));
      await writeFileAtomic(path.join(folder, `${id}${journalSuffix}`), record, this.system.fileSystem);
      this.system.health.noteWritten();
    } catch (error) {
      this.system.health.noteRefused(error);
      throw storageFailed('begin a conversation', error);
    }
    this.folderOf.set(id, folder);
    return this.open(id);
  }

  /**
   * Opens a conversation, or answers the journal that is open already, whatever for. Rejects with `NotFound`, `Unsupported`
   * (newer format) or `Unavailable`.
   */
  open(conversationId: ConversationId, purpose: JournalPurpose = 'writing'): Promise<ConversationJournal> {
    const present = this.openings.get(conversationId);
    if (present !== undefined) return present;
    const opening = this.openAnew(conversationId, purpose);
    this.openings.set(conversationId, opening);
    // One that failed must not be answered to the next caller; the failure itself goes to those who wait for it.
    opening.catch(() => this.forget(conversationId, opening));
    return opening;
  }

  /**
   * The conversations of a workspace, or of all where no folder is given, the one changed last first; those that cannot
   * be opened say so and are logged.
   */
  async list(workspaceFolders: readonly string[]): Promise<ConversationSummary[]> {
    const own = await this.openForWriting();
    if (workspaceFolders.length > 0) return this.listFolder(workspaceKey(await realFolders(workspaceFolders)), own);
    const listed: ConversationSummary[] = [];
    for (const key of await this.workspaceKeys()) {
      try {
        listed.push(...(await this.listFolder(key, own)));
      } catch (error) {
        // One workspace that cannot be looked into must not keep the conversations of the others from being seen.
        this.system.logger.warn('The conversations of a workspace were not listed', { workspace: key, error });
      }
    }
    return listed.sort((a, b) => b.updatedAt - a.updatedAt);
  }

  /** Where the journal of a conversation stands. Rejects with `NotFound`. */
  async fileOf(conversationId: ConversationId): Promise<string> {
    this.refuseIfDisposed();
    return path.join(await this.find(conversationId), `${conversationId}${journalSuffix}`);
  }

  /** Deletes a conversation with what was kept aside of it. Rejects with `NotFound`, or `Conflict` if held elsewhere. */
  async delete(conversationId: ConversationId): Promise<void> {
    this.refuseIfDisposed();
    const folder = await this.find(conversationId);
    await this.closeIfOpen(conversationId);
    const { fileSystem } = this.system;
    const fileName = `${conversationId}${journalSuffix}`;
    try {
      const lock = await acquireLock(folder, conversationId, this.system);
      if (lock === undefined) throw heldElsewhere(conversationId);
      try {
        // The journal goes last: as long as it is there, whoever was refused half way can try again.
        for (const sibling of await fileSystem.list(folder)) {
          if (sibling.startsWith(`${fileName}.`)) await fileSystem.remove(path.join(folder, sibling));
        }
        await fileSystem.remove(path.join(folder, fileName));
        await fileSystem.syncFolder(folder);
      } finally {
        await lock.release();
      }
    } catch (error) {
      throw storageFailed('delete the conversation', error);
    }
    this.folderOf.delete(conversationId);
    this.index?.noteChanged({ workspace: path.basename(folder), conversationId });
  }

  /** The files are about to be exchanged: the next list reads them anew. */
  forgetListed(): void {
    this.summaries.forget();
  }

  /** Closes every journal that is open. */
  async dispose(): Promise<void> {
    this.disposed = true;
    await Promise.all([...this.openings.keys()].map((id) => this.closeIfOpen(id)));
    await this.system.released.close();
    await this.system.health.close();
  }

  private async openAnew(conversationId: ConversationId, purpose: JournalPurpose): Promise<ConversationJournal> {
    this.refuseIfDisposed();
    const folder = await this.find(conversationId);
    const opening = { path: path.join(folder, `${conversationId}${journalSuffix}`), conversationId, purpose };
    const journal = await openJournal(opening, this.system, () => this.forget(conversationId));
    const name = { workspace: path.basename(folder), conversationId };
    this.index?.noteChanged(name);
    // The journal drops its listeners when it is closed.
    journal.onAppended(() => this.index?.noteChanged(name));
    return journal;
  }

  private forget(conversationId: string, only?: Promise<ConversationJournal>): void {
    if (only === undefined || this.openings.get(conversationId) === only) this.openings.delete(conversationId);
  }

  private async closeIfOpen(conversationId: string): Promise<void> {
    const journal = await this.openings.get(conversationId)?.catch(() => undefined);
    try {
      await journal?.close();
    } catch (error) {
      this.system.logger.warn('A journal could not be closed', { conversationId, error });
    }
  }

  private async openForWriting(): Promise<Map<string, ConversationJournal>> {
    const journals = new Map<string, ConversationJournal>();
    for (const [id, opening] of this.openings) {
      const journal = await opening.catch(() => undefined);
      if (journal?.access === 'write') journals.set(id, journal);
    }
    return journals;
  }

  private async listFolder(key: string, own: ReadonlyMap<string, ConversationJournal>): Promise<ConversationSummary[]> {
    const folder = path.join(this.root, key);
    const summaries = await this.summaries.read(folder, own);
    for (const { conversationId } of summaries) this.folderOf.set(conversationId, folder);
    return summaries;
  }

  private async find(conversationId: ConversationId): Promise<string> {
    const id = conversationIdSchema.safeParse(conversationId);
    // An id becomes part of a path, so a malformed one is not even looked for.
    if (!id.success) throw conversationNotFound(conversationId.slice(0, 64));
    const known = this.folderOf.get(id.data);
    if (known !== undefined && (await this.has(known, id.data))) return known;
    let refusal: CodedError | undefined;
    for (const key of await this.workspaceKeys()) {
      const folder = path.join(this.root, key);
      try {
        if (!(await this.has(folder, id.data))) continue;
        this.folderOf.set(id.data, folder);
        return folder;
      } catch (error) {
        // One workspace that cannot be looked into must not keep the conversations of the others from being opened.
        refusal ??= storageFailed('look for the conversation', error);
      }
    }
    throw refusal ?? conversationNotFound(id.data);
  }

  private async has(folder: string, conversationId: string): Promise<boolean> {
    try {
      return (
        (await this.system.fileSystem.stat(path.join(folder, `${conversationId}${journalSuffix}`))).kind === 'file'
      );
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
      throw storageFailed('look for the conversation', error);
    }
  }

  private async workspaceKeys(): Promise<readonly string[]> {
    try {
      return await this.system.fileSystem.list(this.root);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw storageFailed('look for the conversation', error);
    }
  }

  /** Makes `folder` and every missing folder above it, each of them durable. */
  private async createFolders(folder: string): Promise<void> {
    const parent = path.dirname(folder);
    let made = await this.createFolder(folder);
    if (made === 'parentMissing') {
      await this.createFolders(parent);
      made = await this.createFolder(folder);
    }
    if (made === 'parentMissing') throw Object.assign(new Error('The folder was removed again'), { code: 'ENOENT' });
    if (made === 'made') await this.system.fileSystem.syncFolder(parent);
  }

  private async createFolder(folder: string): Promise<'made' | 'isThere' | 'parentMissing'> {
    try {
      await this.system.fileSystem.createFolder(folder);
      return 'made';
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return 'isThere';
      if (errorCode(error) !== 'ENOENT' || path.dirname(folder) === folder) throw error;
      return 'parentMissing';
    }
  }

  private refuseIfDisposed(): void {
    if (this.disposed) throw storageClosed();
  }
}
