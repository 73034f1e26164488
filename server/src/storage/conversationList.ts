import * as path from 'node:path';
import { errorCode, type FileFacts } from '../base/fileSystem.ts';
import type { ConversationJournal, ConversationSummary } from './conversationJournal.ts';
import { isClaimed } from './conversationLock.ts';
import { storageFailed } from './errors.ts';
import { conversationOf } from './journalFormat.ts';
import { summarize, titleOf, type JournalSummary } from './journalSummary.ts';
import type { JournalSystem } from './openJournal.ts';

/** More conversations than these of one workspace are not listed: those changed longest ago are left out. */
const maxListed = 1_000;
const readAtOnce = 16;
const maxCached = 4_000;

interface Entry {
  readonly fileName: string;
  readonly conversationId: string;
  readonly facts: FileFacts;
}

interface Cached {
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  /** Undefined if the file could not be read; that is logged once for each state of the file. */
  readonly summary: JournalSummary | undefined;
}

/** Lists the conversations of a workspace folder, reading again only what has changed since the last time. */
export class ConversationList {
  private readonly system: JournalSystem;
  private readonly cache = new Map<string, Cached>();

  constructor(system: JournalSystem) {
    this.system = system;
  }

  /** `own` are the journals that this store has open for writing. */
  async read(folder: string, own: ReadonlyMap<string, ConversationJournal>): Promise<ConversationSummary[]> {
    const fileNames = await this.fileNames(folder);
    const newest = (await this.stat(folder, fileNames))
      .sort((a, b) => b.facts.modifiedAt - a.facts.modifiedAt)
      .slice(0, maxListed);
    const claims = fileNames.filter((name) => name.includes('.lock-'));
    const summaries = await inGroups(newest, (entry) => this.summaryOf(folder, entry, own.get(entry.conversationId)));
    const listed: ConversationSummary[] = [];
    for (const summary of summaries) {
      if (summary === undefined) continue;
      const { conversationId, cwd, createdAt } = summary.header;
      const lockedElsewhere =
        !own.has(conversationId) && (await isClaimed(conversationId, claims, this.system.processes));
      listed.push({
        conversationId,
        cwd,
        createdAt,
        updatedAt: summary.updatedAt,
        title: summary.title,
        lockedElsewhere,
      });
    }
    return listed.sort((a, b) => b.updatedAt - a.updatedAt);
  }

  private async fileNames(folder: string): Promise<readonly string[]> {
    try {
      return await this.system.fileSystem.list(folder);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw storageFailed('list the conversations', error);
    }
  }

  private async stat(folder: string, fileNames: readonly string[]): Promise<Entry[]> {
    const entries = await inGroups(fileNames, async (fileName): Promise<Entry | undefined> => {
      const conversationId = conversationOf(fileName);
      if (conversationId === undefined) return undefined;
      try {
        const facts = await this.system.fileSystem.stat(path.join(folder, fileName));
        return facts.kind === 'file' ? { fileName, conversationId, facts } : undefined;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') this.system.logger.warn('A journal was not listed', { fileName, error });
        return undefined;
      }
    });
    return entries.filter((entry) => entry !== undefined);
  }

  private async summaryOf(
    folder: string,
    { fileName, facts }: Entry,
    journal: ConversationJournal | undefined,
  ): Promise<JournalSummary | undefined> {
    if (journal !== undefined) {
      const events = journal.events();
      const updatedAt = events.at(-1)?.at ?? journal.header.createdAt;
      return { header: journal.header, updatedAt, title: titleOf(events, '') };
    }
    const journalPath = path.join(folder, fileName);
    const cached = this.cache.get(journalPath);
    if (cached?.sizeBytes === facts.sizeBytes && cached.modifiedAt === facts.modifiedAt) return cached.summary;
    const summary = await this.readSummary(journalPath, fileName, cached?.summary);
    this.cache.delete(journalPath);
    this.cache.set(journalPath, { sizeBytes: facts.sizeBytes, modifiedAt: facts.modifiedAt, summary });
    const oldest = this.cache.keys().next();
    if (this.cache.size > maxCached && oldest.done !== true) this.cache.delete(oldest.value);
    return summary;
  }

  private async readSummary(
    journalPath: string,
    fileName: string,
    former: JournalSummary | undefined,
  ): Promise<JournalSummary | undefined> {
    try {
      return await summarize(journalPath, fileName, this.system.fileSystem, former);
    } catch (error) {
      this.system.logger.warn('A journal cannot be read and is not listed; the file is kept', { fileName, error });
      return undefined;
    }
  }
}

/** Runs `work` over `items`, a bounded number at a time, keeping their order. */
async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += readAtOnce) {
    results.push(...(await Promise.all(items.slice(start, start + readAtOnce).map(work))));
  }
  return results;
}
