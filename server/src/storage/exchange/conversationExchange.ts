import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { ParsedParamsOf, ResultOf } from '../../../protocol/contract.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { ConversationSummary } from '../../../protocol/session.ts';
import type { Clock } from '../../base/clock.ts';
import type { StorageGate } from '../backups/storageGate.ts';
import { storageFailed } from '../errors.ts';
import type { ConversationIndex } from '../index/conversationIndex.ts';
import type { JournalStore } from '../journalStore.ts';
import type { ImportAudit, WorkspaceSource } from '../ports.ts';
import { Continuations } from './continuations.ts';
import { ConversationExport, type ExportSystem } from './conversationExport.ts';
import { ConversationImport, type ImportPlace, type ImportSystem } from './conversationImport.ts';
import { JsonDocument } from './jsonDocument.ts';
import { MarkdownDocument } from './markdownDocument.ts';

/** Exports, and imports, that wait for their next request at one time: each holds a file open and a turn in memory. */
const maxWaiting = 8;
const idleMs = 60_000;

interface ExchangeOptions extends ExportSystem, ImportSystem {
  readonly clock: Clock;
  readonly journals: Pick<JournalStore, 'fileOf'>;
  readonly index: Pick<ConversationIndex, 'noteChanged'>;
  readonly workspace: WorkspaceSource;
  readonly audit: ImportAudit;
  /** Everything that uses conversations passes through it. */
  readonly gate: StorageGate;
  /** Tells everybody that there is one more conversation. */
  readonly onImported: (session: ConversationSummary) => void;
}

/** Gives conversations out as documents, and takes such documents in. */
export class ConversationExchange {
  private readonly options: ExchangeOptions;
  private readonly exports: Continuations<ConversationExport>;
  private readonly imports: Continuations<ConversationImport>;

  constructor(options: ExchangeOptions) {
    this.options = options;
    const limits = { clock: options.clock, max: maxWaiting, idleMs };
    this.exports = new Continuations(limits);
    this.imports = new Continuations(limits);
  }

  /** One page. Rejects with `NotFound`, `Unavailable`, `Unsupported` or the signal's reason. */
  async export(
    params: ParsedParamsOf<'conversation/export'>,
    signal: AbortSignal,
  ): Promise<ResultOf<'conversation/export'>> {
    return this.options.gate.pass(async () => {
      const work = await this.exportOf(params);
      try {
        const { content, isLast } = await work.page(signal);
        if (!isLast) return { content, nextCursor: this.exports.keep(work) };
        await work.close();
        return { content };
      } catch (error) {
        await work.close();
        throw failed('export the conversation', error, signal);
      }
    });
  }

  /** The whole, or one part. After an error nothing of it is left. */
  async import(
    params: ParsedParamsOf<'conversation/import'>,
    signal: AbortSignal,
  ): Promise<ResultOf<'conversation/import'>> {
    return this.options.gate.pass(async () => {
      const work = await this.importOf(params);
      try {
        await work.take(params.content, signal);
        if (params.isPart) return { nextCursor: this.imports.keep(work) };
        const { conversationId, workspace, ...facts } = await work.finish();
        await work.close();
        this.options.index.noteChanged({ workspace, conversationId });
        this.options.audit.tell({ kind: 'conversation.imported', details: { conversationId } });
        this.options.onImported({ sessionId: conversationId, ...facts, access: 'write', running: false });
        return { sessionId: conversationId, title: facts.title };
      } catch (error) {
        await work.close();
        throw failed('import the conversation', error, signal);
      }
    });
  }

  /** Gives every file free, as before the conversations are replaced: exports that wait have to begin anew. */
  async closeExports(): Promise<void> {
    await this.exports.close();
  }

  async dispose(): Promise<void> {
    await Promise.all([this.exports.close(), this.imports.close()]);
  }

  private async exportOf({
    sessionId,
    format,
    cursor,
  }: ParsedParamsOf<'conversation/export'>): Promise<ConversationExport> {
    if (cursor !== undefined) return this.exports.take(cursor) ?? givenUp('export');
    const journalPath = await this.options.journals.fileOf(sessionId);
    const writer = format === 'json' ? new JsonDocument() : new MarkdownDocument();
    try {
      return await ConversationExport.begin(journalPath, this.options, writer);
    } catch (error) {
      throw storageFailed('export the conversation', error);
    }
  }

  private async importOf({ cursor, cwd }: ParsedParamsOf<'conversation/import'>): Promise<ConversationImport> {
    if (cursor !== undefined) return this.imports.take(cursor) ?? givenUp('import');
    return new ConversationImport(this.options, await this.placeFor(cwd));
  }

  private async placeFor(cwd: string | undefined): Promise<ImportPlace> {
    const { folders } = this.options.workspace;
    const folder = cwd ?? folders[0];
    if (folder === undefined) {
      throw new CodedError(
        'InvalidCwd',
        'No folder is open that the conversation could be about. Open one, or name it.',
      );
    }
    const isFolder = path.isAbsolute(folder) && (await stat(folder).catch(() => undefined))?.isDirectory() === true;
    if (!isFolder) {
      throw new CodedError('InvalidCwd', `A conversation cannot be about "${folder}": there is no such folder.`, {
        args: { cwd: folder },
      });
    }
    return { cwd: folder, workspaceFolders: folders.length > 0 ? folders : [folder] };
  }
}

function failed(what: string, error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? error : storageFailed(what, error);
}

function givenUp(what: 'export' | 'import'): never {
  throw new CodedError('NotFound', `This ${what} was given up or has ended. Begin it anew, without a cursor.`);
}
