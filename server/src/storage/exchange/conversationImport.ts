import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import type { z } from 'zod';
import { CodedError } from '../../../protocol/errors.ts';
import { conversationId, type ConversationId } from '../../../protocol/sessionEvents.ts';
import type { Clock } from '../../base/clock.ts';
import { writeFully, type FileSystem, type OpenFile } from '../../base/fileSystem.ts';
import { ensureFolder, namesIn } from '../../base/folders.ts';
import type { Logger } from '../../base/logger.ts';
import type { JournalHeader } from '../conversationJournal.ts';
import { Pace } from '../../base/pace.ts';
import { eventJson, headerJson, journalSuffix } from '../journalFormat.ts';
import { titled } from '../journalSummary.ts';
import { encodeRecord, maxRecordBytes } from '../recordCodec.ts';
import { realFolders, workspaceKey } from '../workspaceKey.ts';
import type { LongWork } from './continuations.ts';
import { DocumentSplitter, type DocumentPart } from './documentSplitter.ts';
import { anyExport, exportedEvent, exportFrame, exportHead, exportVersion, portable } from './exportFormat.ts';

/** Larger than any conversation of a year's work. */
const maxChars = 256 * 1024 * 1024;
const maxEvents = 1_000_000;
/** What is looked at before others have their turn. */
const sliceChars = 32 * 1024;
const writeBytes = 256 * 1024;
/** Before that of any holder: whoever opens the conversation begins a newer lease. */
const firstEpoch = 1;
/** An import that nobody went on with for so long was cut off: it is given up after a minute. */
const deadAfterMs = 60 * 60_000;
/** Where an import is written until it is whole. No backup saves it, and no list looks there. */
const stageFolder = 'imports';

export interface ImportSystem {
  /** Absolute path. */
  readonly dataFolder: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a conversation that was imported is about. */
export interface ImportPlace {
  readonly cwd: string;
  readonly workspaceFolders: readonly string[];
}

/** What was imported. */
export interface ImportedConversation {
  readonly conversationId: ConversationId;
  /** Name of the folder below `conversations` that it stands in. */
  readonly workspace: string;
  readonly cwd: string;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly importedAt: number;
}

/**
 * A conversation on its way in. Its journal is written aside and renamed into place when all of it was good, so that it
 * is there whole or not at all. Events keep their times and get new numbers; nothing of it refers to anything that was
 * here before.
 */
export class ConversationImport implements LongWork {
  private readonly system: ImportSystem;
  private readonly place: ImportPlace;
  private readonly id = conversationId.parse(randomUUID());
  private readonly splitter = new DocumentSplitter();
  private readonly stagedPath: string;
  private file: OpenFile | undefined;
  private header: JournalHeader | undefined;
  private chars = 0;
  private eventCount = 0;
  private writtenBytes = 0;
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private updatedAt = 0;
  private givenTitle: string | undefined;
  private firstText = '';
  private isPlaced = false;

  constructor(system: ImportSystem, place: ImportPlace) {
    this.system = system;
    this.place = place;
    this.stagedPath = path.join(system.dataFolder, stageFolder, `${this.id}${journalSuffix}.tmp`);
  }

  /** Rejects with `InvalidParams`, `Unsupported` or `TooLarge`, with what the disk says, or with the signal's reason. */
  async take(text: string, signal: AbortSignal): Promise<void> {
    this.chars += text.length;
    if (this.chars > maxChars) throw tooLarge(`the file has more than ${maxChars} characters`);
    const pace = new Pace(signal);
    for (let start = 0; start < text.length; start += sliceChars) {
      for (const part of this.splitter.take(text.slice(start, start + sliceChars))) {
        await this.takePart(part);
        await pace.rest();
      }
      await pace.rest();
    }
  }

  /** Checks that the file was whole, and puts the journal in its place. Rejects as `take` does. */
  async finish(): Promise<ImportedConversation> {
    const { fileSystem, dataFolder } = this.system;
    check(exportFrame, parse(this.splitter.end(), 'the file'), 'the file');
    const { header, file } = this;
    if (header === undefined || file === undefined) throw new Error('An import has a header once its frame was read');
    await this.flush();
    await file.datasync();
    const workspace = workspaceKey(header.workspaceFolders);
    const folder = path.join(dataFolder, 'conversations', workspace);
    await ensureFolder(folder, fileSystem);
    await fileSystem.rename(this.stagedPath, path.join(folder, `${this.id}${journalSuffix}`));
    this.isPlaced = true;
    await fileSystem.syncFolder(folder);
    const title = this.givenTitle ?? this.firstText;
    const { cwd, createdAt } = header;
    return {
      conversationId: this.id,
      workspace,
      cwd,
      title,
      createdAt,
      updatedAt: Math.max(createdAt, this.updatedAt),
      importedAt: header.imported?.at ?? createdAt,
    };
  }

  async close(): Promise<void> {
    const { fileSystem, logger } = this.system;
    if (this.file === undefined) return;
    try {
      await this.file.close();
      if (!this.isPlaced) await fileSystem.remove(this.stagedPath);
    } catch (error) {
      logger.warn('What was left of an import could not be removed', { conversationId: this.id, error });
    }
  }

  private async takePart({ kind, json }: DocumentPart): Promise<void> {
    if (kind === 'head') await this.begin(json);
    else await this.takeEvent(json);
  }

  private async begin(json: string): Promise<void> {
    const value = parse(json, 'the file');
    const { version } = check(anyExport, value, 'the file');
    if (version > exportVersion) {
      throw new CodedError(
        'Unsupported',
        `Nothing was imported: a newer version exported this conversation (format ${version}). Update this program first.`,
        { args: { version } },
      );
    }
    const head = check(exportHead, value, 'the file');
    const workspaceFolders = await realFolders(this.place.workspaceFolders);
    this.header = {
      conversationId: this.id,
      cwd: this.place.cwd,
      createdAt: head.createdAt,
      workspaceFolders,
      imported: { at: this.system.clock.now(), conversationId: head.conversationId },
    };
    await this.openStage();
    await this.put(headerJson(this.header));
  }

  private async openStage(): Promise<void> {
    const { fileSystem, dataFolder } = this.system;
    const folder = path.join(dataFolder, stageFolder);
    await ensureFolder(folder, fileSystem);
    await this.removeDead(folder);
    this.file = await fileSystem.open(this.stagedPath, 'createNew');
  }

  /** A crash leaves the file of an import that was under way. */
  private async removeDead(folder: string): Promise<void> {
    const { fileSystem, clock, logger } = this.system;
    for (const name of await namesIn(folder, fileSystem)) {
      const file = path.join(folder, name);
      try {
        if (clock.now() - (await fileSystem.stat(file)).modifiedAt > deadAfterMs) await fileSystem.remove(file);
      } catch (error) {
        logger.info('What an import has left could not be removed', { name, error });
      }
    }
  }

  private async takeEvent(json: string): Promise<void> {
    const what = `event ${this.eventCount + 1}`;
    const value = parse(json, what);
    if (mayNamePrototype(json) && namesPrototype(value)) throw invalid(`${what} has a key "__proto__"`);
    const { at, update } = check(exportedEvent, value, what);
    this.eventCount += 1;
    if (this.eventCount > maxEvents) throw tooLarge(`the file has more than ${maxEvents} events`);
    const kept = portable(update);
    if (kept === undefined) return;
    this.updatedAt = Math.max(this.updatedAt, at);
    const event = { sequence: this.eventCount, at, update: kept };
    const { title, titledAt } = titled([event]);
    if (titledAt !== undefined) this.givenTitle = title;
    else if (this.firstText === '') this.firstText = title;
    await this.put(eventJson(this.eventCount, at, JSON.stringify(kept), firstEpoch));
  }

  private async put(json: string): Promise<void> {
    if (Buffer.byteLength(json) > maxRecordBytes) throw tooLarge(`event ${this.eventCount} is longer than 8 MiB`);
    const record = encodeRecord(json);
    this.pending.push(record);
    this.pendingBytes += record.byteLength;
    if (this.pendingBytes >= writeBytes) await this.flush();
  }

  private async flush(): Promise<void> {
    if (this.file === undefined || this.pendingBytes === 0) return;
    const data = Buffer.concat(this.pending);
    this.pending = [];
    this.pendingBytes = 0;
    await writeFully(this.file, data, this.writtenBytes);
    this.writtenBytes += data.byteLength;
  }
}

function parse(json: string, what: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw invalid(`${what} is no JSON`, error);
  }
}

function check<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.map(String).join('.')}`;
  throw invalid(
    `${what} is not as a conversation is exported${where}: ${issue?.message ?? 'it is wrong'}`,
    parsed.error,
  );
}

/** Whether it is worth looking: a key may be written with escapes. */
function mayNamePrototype(json: string): boolean {
  return /__proto__|\\u00/i.test(json);
}

/** The splitter has bounded how deep this goes. */
function namesPrototype(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Object.hasOwn(value, '__proto__')) return true;
  return Object.values(value).some(namesPrototype);
}

function invalid(problem: string, cause?: unknown): CodedError {
  const message = `Nothing was imported: ${problem.slice(0, 300)}. Give a file as it was exported as JSON.`;
  return new CodedError('InvalidParams', message, { cause });
}

function tooLarge(problem: string): CodedError {
  return new CodedError('TooLarge', `Nothing was imported: ${problem}.`);
}
