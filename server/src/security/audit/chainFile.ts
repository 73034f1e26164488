import * as path from 'node:path';
import type { AuditKind } from '../../../protocol/audit.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import type { AuditActor } from './auditEvents.ts';
import { AppendedFile } from './appendedFile.ts';
import { anchorLine, hashOf, maxLineBytes, signedText, type Anchor, type AuditRecord } from './auditRecord.ts';
import type { SigningKey } from './signingKey.ts';

/** Folder beside the chains that holds their anchors, in files of the same names. */
export const anchorsFolder = 'anchors';
/** Anchors reach the disk this long after their records at the latest; till then they outlive a kill, not a loss of power. */
const syncAnchorsAfterMs = 1_000;

/** A record before it has its place in a chain. */
export interface RecordDraft {
  readonly at: number;
  readonly kind: AuditKind;
  readonly outcome: string | undefined;
  readonly actor: AuditActor;
  readonly correlationId: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Where a chain stands: its last record's number and hash. */
export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
}

interface ChainFileOptions {
  readonly folder: string;
  readonly name: string;
  readonly key: SigningKey;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * One file of a chain, and the file of its anchors. Records are durable first; then their head is signed and written
 * beside, so that whoever cuts the chain contradicts an anchor.
 */
export class ChainFile {
  private readonly options: ChainFileOptions;
  private readonly records: AppendedFile;
  private readonly anchors: AppendedFile;
  /** Paths of both files, each with the identity of the file that was made there. */
  private readonly places: ReadonlyMap<string, string>;
  private readonly before: ChainHead;
  private current: ChainHead;
  private lastAnchor: string | undefined;
  private syncing: Disposable | undefined;

  /** Makes the files; durable with `opening` in them once this resolves, gone again if it rejects. */
  static async create(options: ChainFileOptions, before: ChainHead, opening: RecordDraft): Promise<ChainFile> {
    const { folder, name, fileSystem, logger } = options;
    const anchorsPath = path.join(folder, anchorsFolder);
    const files = [path.join(folder, name), path.join(anchorsPath, name)];
    const opened: AppendedFile[] = [];
    try {
      for (const file of files) opened.push(new AppendedFile(await fileSystem.open(file, 'createNew')));
      const [records, anchors] = opened;
      if (!records || !anchors) throw new Error('Two files were to be made');
      const places = new Map<string, string>();
      for (const file of files) places.set(file, (await fileSystem.stat(file)).identity);
      const chain = new ChainFile(options, { records, anchors, places }, before);
      await chain.append([opening]);
      await anchors.datasync();
      await fileSystem.syncFolder(folder);
      await fileSystem.syncFolder(anchorsPath);
      return chain;
    } catch (error) {
      for (const file of opened) await file.close().catch((closeError: unknown) => note(logger, closeError));
      for (const file of files.slice(0, opened.length)) {
        await fileSystem.remove(file).catch((removeError: unknown) => note(logger, removeError));
      }
      throw error;
    }
  }

  private constructor(
    options: ChainFileOptions,
    files: {
      readonly records: AppendedFile;
      readonly anchors: AppendedFile;
      readonly places: ReadonlyMap<string, string>;
    },
    before: ChainHead,
  ) {
    this.options = options;
    this.records = files.records;
    this.anchors = files.anchors;
    this.places = files.places;
    this.before = before;
    this.current = before;
  }

  get name(): string {
    return this.options.name;
  }

  get head(): ChainHead {
    return this.current;
  }

  get sizeBytes(): number {
    return this.records.sizeBytes;
  }

  get recordCount(): number {
    return this.current.sequence - this.before.sequence;
  }

  /**
   * Whether both files still are where they were made. Where one was deleted or moved away, what is appended goes where
   * nobody finds it. Rejects with what the disk says.
   */
  async isInPlace(): Promise<boolean> {
    for (const [file, identity] of this.places) {
      try {
        if ((await this.options.fileSystem.stat(file)).identity !== identity) return false;
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return false;
        throw error;
      }
    }
    return true;
  }

  /** Appends records in order. They are durable and anchored once this resolves, and gone if it rejects. */
  async append(drafts: readonly RecordDraft[]): Promise<void> {
    let head = this.current;
    let firstHash: string | undefined;
    const lines = drafts.map((draft) => {
      const line = recordLine(draft, head);
      head = { sequence: head.sequence + 1, hash: hashOf(line) };
      firstHash ??= head.hash;
      return `${line}\n`;
    });
    const data = Buffer.from(lines.join(''));
    // The first anchor of a file names its first record.
    this.lastAnchor ??= firstHash;
    let areWritten = false;
    try {
      await this.records.append(data, { durable: true });
      areWritten = true;
      await this.anchor(head);
    } catch (error) {
      if (areWritten) this.records.takeBack(data.byteLength);
      await this.cutBack();
      throw error;
    }
    this.current = head;
    this.syncing ??= this.options.clock.after(syncAnchorsAfterMs, () => void this.syncAnchors());
  }

  /** Signs the head as the last of this file, and closes the files. */
  async end(how: 'closed' | 'rotated'): Promise<void> {
    this.syncing?.dispose();
    this.syncing = undefined;
    try {
      await this.records.cutBack();
      await this.anchor(this.current, how);
      await this.anchors.datasync();
    } catch (error) {
      await this.cutBack();
      throw error;
    } finally {
      await Promise.all([this.records.close(), this.anchors.close()]);
    }
  }

  private async anchor({ sequence, hash }: ChainHead, ended?: Anchor['ended']): Promise<void> {
    const previous = this.lastAnchor ?? hash;
    const facts = { file: this.options.name, sequence, head: hash, previous, ended };
    const line = anchorLine(facts, this.options.key.sign(signedText(facts)));
    await this.anchors.append(Buffer.from(`${line}\n`), { durable: false });
    this.lastAnchor = hashOf(line);
  }

  /** Anchors first: one without its records would look as if somebody had cut the chain. */
  private async cutBack(): Promise<void> {
    try {
      await this.anchors.cutBack();
      await this.records.cutBack();
    } catch (error) {
      note(this.options.logger, error);
    }
  }

  private async syncAnchors(): Promise<void> {
    this.syncing = undefined;
    try {
      await this.anchors.datasync();
    } catch (error) {
      this.options.logger.warn('Anchors of the audit log are not durable yet; the next ones make them so', { error });
    }
  }
}

function recordLine({ at, kind, outcome, actor, correlationId, details }: RecordDraft, before: ChainHead): string {
  const record: AuditRecord = {
    sequence: before.sequence + 1,
    at: new Date(at).toISOString(),
    kind,
    ...(outcome !== undefined && { outcome }),
    actor: { ...actor },
    ...(correlationId !== undefined && { correlationId }),
    details,
    previous: before.hash,
  };
  const line = JSON.stringify(record);
  if (Buffer.byteLength(line) < maxLineBytes) return line;
  return JSON.stringify({ ...record, details: { cut: `${line.length} characters were too many to keep` } });
}

function note(logger: Logger, error: unknown): void {
  logger.warn('A file of the audit log could not be mended after a failure yet', { error });
}
