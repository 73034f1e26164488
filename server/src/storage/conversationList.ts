import * as path from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import type { ConversationId } from '../../protocol/sessionEvents.ts';
import { errorCode, type FileFacts } from '../base/fileSystem.ts';
import type { ConversationJournal, ConversationSummary } from './conversationJournal.ts';
import { liveClaims } from './conversationLock.ts';
import { storageFailed } from './errors.ts';
import type { ConversationIndex } from './index/conversationIndex.ts';
import type { IndexedConversation } from './index/indexedConversation.ts';
import { conversationOf, journalSuffix } from './journalFormat.ts';
import { hasOpenTurn, summarize, titled, type JournalSummary } from './journalSummary.ts';
import type { JournalSystem } from './journalSystem.ts';

/** Of a workspace with more conversations, the index is asked: looking at each journal takes too long. */
const maxLookedAt = 500;
/** Without the index no more than these are listed: those changed longest ago are left out. */
const maxReadDirectly = 1_000;
/** With it, no more than these. */
const maxListed = 10_000;
const readAtOnce = 16;
const maxCached = 4_000;

interface Entry {
  readonly fileName: string;
  readonly conversationId: ConversationId;
  readonly facts: FileFacts;
}

interface Cached {
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  /** Why it cannot be read, which is logged once for each state of the file. */
  readonly summary: JournalSummary | CodedError;
}

interface Folder {
  readonly path: string;
  readonly fileNames: readonly string[];
  /** Names of files that say who may write to what. */
  readonly claims: readonly string[];
  /** The journals that this store has open for writing. */
  readonly own: ReadonlyMap<string, ConversationJournal>;
}

interface Listable extends Pick<JournalSummary, 'updatedAt' | 'title' | 'titledAt'> {
  /** A row of the index tells by itself when it was imported. */
  readonly header: Pick<JournalSummary['header'], 'conversationId' | 'cwd' | 'createdAt' | 'imported'>;
  readonly hasOpenTurn?: boolean;
}

/** What the index says of conversations, by their ids, or undefined where it is not to be had. */
type Rows = ReadonlyMap<string, IndexedConversation> | undefined;

/**
 * Lists the conversations of a workspace folder. A few are read from their journals, and again only where these have
 * changed. Of many the index knows most; what it does not know yet, and what another process may be writing to, is read.
 */
export class ConversationList {
  private readonly system: JournalSystem;
  private readonly index: ConversationIndex | undefined;
  private readonly cache = new Map<string, Cached>();

  constructor(system: JournalSystem, index: ConversationIndex | undefined) {
    this.system = system;
    this.index = index;
  }

  /** `own` are the journals that this store has open for writing. The one changed last comes first. */
  async read(folderPath: string, own: ReadonlyMap<string, ConversationJournal>): Promise<ConversationSummary[]> {
    const fileNames = await this.fileNames(folderPath);
    const claims = fileNames.filter((name) => name.includes('.lock-'));
    const folder: Folder = { path: folderPath, fileNames, claims, own };
    const workspace = path.basename(folderPath);
    const isLarge = fileNames.length - claims.length > maxLookedAt;
    const rows = isLarge ? await this.index?.rows(workspace) : this.index?.loadedRows(workspace);
    const indexed = isLarge && rows !== undefined ? await this.readByIndex(folder, rows) : undefined;
    const listed = indexed ?? (await this.readDirectly(folder, rows));
    return listed.sort((a, b) => b.updatedAt - a.updatedAt).slice(0, maxListed);
  }

  /** Other files take the places of those that were read: nothing that is known of them holds. */
  forget(): void {
    this.cache.clear();
  }

  /** Undefined if the index lacks so many that reading the newest is better. */
  private async readByIndex(
    folder: Folder,
    rows: ReadonlyMap<string, IndexedConversation>,
  ): Promise<ConversationSummary[] | undefined> {
    const { own, claims } = folder;
    const claimed = new Set(claims.map((name) => name.slice(0, name.indexOf('.lock-'))));
    const listed: ConversationSummary[] = [];
    const unknown: string[] = [];
    for (const fileName of folder.fileNames) {
      if (!fileName.endsWith(journalSuffix)) continue;
      const conversationId = fileName.slice(0, -journalSuffix.length);
      const row = own.has(conversationId) || claimed.has(conversationId) ? undefined : rows.get(conversationId);
      if (row === undefined) unknown.push(fileName);
      else listed.push(toSummary({ ...row, header: row }, { row }));
    }
    if (unknown.length > maxReadDirectly) return undefined;
    listed.push(...(await this.readFiles(folder, await this.stat(folder.path, unknown), rows)));
    return listed;
  }

  private async readDirectly(folder: Folder, rows: Rows): Promise<ConversationSummary[]> {
    const newest = (await this.stat(folder.path, folder.fileNames))
      .sort((a, b) => b.facts.modifiedAt - a.facts.modifiedAt)
      .slice(0, maxReadDirectly);
    return this.readFiles(folder, newest, rows);
  }

  private async readFiles(folder: Folder, entries: readonly Entry[], rows: Rows): Promise<ConversationSummary[]> {
    const { own, claims } = folder;
    const summaries = await inGroups(entries, async (entry) => ({
      entry,
      summary: await this.summaryOf(folder.path, entry, own.get(entry.conversationId)),
    }));
    const listed: ConversationSummary[] = [];
    for (const { entry, summary } of summaries) {
      if (summary === undefined) continue;
      const { conversationId } = entry;
      const row = rows?.get(conversationId);
      if (summary instanceof CodedError) {
        listed.push(unopenable(entry, summary, row));
        continue;
      }
      const lockedElsewhere =
        !own.has(conversationId) &&
        (await liveClaims({ folder: folder.path, conversationId }, claims, this.system)).length > 0;
      listed.push(toSummary(summary, { lockedElsewhere, row }));
    }
    return listed;
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
  ): Promise<JournalSummary | CodedError | undefined> {
    const journalPath = path.join(folder, fileName);
    if (journal !== undefined) {
      const events = journal.events();
      const updatedAt = events.at(-1)?.at ?? journal.header.createdAt;
      const summary = {
        header: journal.header,
        updatedAt,
        ...titled(events),
        hasOpenTurn: hasOpenTurn(events, false),
      };
      // Its title may lie in a part that is not read once it is closed.
      this.keep(journalPath, { sizeBytes: -1, modifiedAt: -1, summary });
      return summary;
    }
    const cached = this.cache.get(journalPath);
    if (cached?.sizeBytes === facts.sizeBytes && cached.modifiedAt === facts.modifiedAt) return cached.summary;
    try {
      const former = cached?.summary instanceof CodedError ? undefined : cached?.summary;
      const summary = titledLately(await summarize(journalPath, fileName, this.system.fileSystem), former);
      this.keep(journalPath, { ...facts, summary });
      return summary;
    } catch (error) {
      this.system.logger.warn('A journal cannot be read; the file is kept', { fileName, error });
      if (!(error instanceof CodedError)) return cached?.summary;
      // What is no journal stays none until it changes; what the disk refused now it may give the next time.
      this.keep(journalPath, { ...facts, summary: error });
      return error;
    }
  }

  private keep(journalPath: string, { sizeBytes, modifiedAt, summary }: Cached): void {
    this.cache.delete(journalPath);
    this.cache.set(journalPath, { sizeBytes, modifiedAt, summary });
    const oldest = this.cache.keys().next();
    if (this.cache.size > maxCached && oldest.done !== true) this.cache.delete(oldest.value);
  }
}

/** `summary`, with the title that was seen before where that was given later than the one read now. */
function titledLately(summary: JournalSummary, former: JournalSummary | undefined): JournalSummary {
  const { title, titledAt = 0 } = former ?? {};
  return title === undefined || titledAt <= (summary.titledAt ?? 0) ? summary : { ...summary, title, titledAt };
}

function toSummary(
  { header, updatedAt, title: read, titledAt = 0, hasOpenTurn: isOpen = false }: Listable,
  {
    lockedElsewhere = false,
    row,
  }: { readonly lockedElsewhere?: boolean; readonly row: IndexedConversation | undefined },
): ConversationSummary {
  const { conversationId, cwd, createdAt, imported } = header;
  // The index has read what lies between the parts of a journal that are read here, up to its last event.
  const title = row === undefined || row.title === '' || titledAt > row.updatedAt ? read : row.title;
  const importedAt = imported?.at ?? row?.importedAt;
  const place = { conversationId, cwd, createdAt, updatedAt, title, ...(importedAt !== undefined && { importedAt }) };
  const summary = { ...place, lockedElsewhere, runsElsewhere: lockedElsewhere && isOpen };
  if (row === undefined) return summary;
  const { persona, model, inputTokens, outputTokens, cost, state } = row;
  return { ...summary, details: { persona, model, inputTokens, outputTokens, cost, state } };
}

/** What is left to say of a journal that cannot be opened; the index may remember what it was. */
function unopenable(
  { conversationId, facts }: Entry,
  error: CodedError,
  row: IndexedConversation | undefined,
): ConversationSummary {
  const { modifiedAt } = facts;
  const known = { cwd: row?.cwd ?? '', createdAt: row?.createdAt ?? modifiedAt, title: row?.title ?? '' };
  const nobody = { lockedElsewhere: false, runsElsewhere: false };
  return { conversationId, ...known, updatedAt: modifiedAt, ...nobody, unopenable: error.message };
}

/** Runs `work` over `items`, a bounded number at a time, keeping their order. */
async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += readAtOnce) {
    results.push(...(await Promise.all(items.slice(start, start + readAtOnce).map(work))));
  }
  return results;
}
