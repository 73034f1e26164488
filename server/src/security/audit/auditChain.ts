import type { Clock } from '../../base/clock.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import type { ProcessTable } from '../../base/processTable.ts';
import * as path from 'node:path';
import type { AuditActor } from './auditEvents.ts';
import { chainFileName, formatVersion, nothingBefore, type OpeningDetails } from './auditRecord.ts';
import { anchorsFolder, ChainFile, type ChainHead, type RecordDraft } from './chainFile.ts';
import { witnessOthers } from './chainEnds.ts';
import type { SigningKey } from './signingKey.ts';

const defaultMaxFileBytes = 16 * 1024 * 1024;
export const serverActor: AuditActor = { kind: 'server' };

export interface AuditChainOptions {
  /** Folder of the audit log; its parent exists. */
  readonly folder: string;
  readonly instanceId: string;
  readonly version: string;
  readonly loadKey: () => Promise<SigningKey>;
  readonly processes: ProcessTable;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What holds as a file begins and changes later only by events of its own, such as the settings. */
  readonly setting: () => Readonly<Record<string, unknown>>;
  /** A file that has grown to so many bytes is followed by another. */
  readonly maxFileBytes?: number;
}

/**
 * The chain of one server: begun with its first record, so that a server which does nothing leaves nothing. Each file
 * begins with who writes it and with which key, and with what it saw of the chains of others.
 */
export class AuditChain {
  private readonly options: AuditChainOptions;
  private key: SigningKey | undefined;
  private file: ChainFile | undefined;
  private part = 0;
  /** Others' chains as they stood, to be told with the next records. */
  private toTell: RecordDraft | undefined;

  constructor(options: AuditChainOptions) {
    this.options = options;
  }

  /** The file that is written now. */
  get fileName(): string | undefined {
    return this.file?.name;
  }

  /** Appends records; they are durable once this resolves. Never called again before it has settled. */
  async append(drafts: readonly RecordDraft[]): Promise<void> {
    const [first] = drafts;
    if (!first) return;
    const { maxFileBytes = defaultMaxFileBytes } = this.options;
    if (this.file === undefined || this.file.sizeBytes >= maxFileBytes) await this.openNext(first.at);
    const told = this.toTell === undefined ? drafts : [this.toTell, ...drafts];
    await this.file?.append(told);
    this.toTell = undefined;
  }

  /** Ends the chain with a last record, if it was begun. */
  async close(): Promise<void> {
    const { file } = this;
    if (!file) return;
    this.file = undefined;
    const { clock } = this.options;
    try {
      await file.append([draftOf('chain.closed', clock.now(), {})]);
    } finally {
      await file.end('closed');
    }
  }

  /** `at`: when what comes first happened, which is not after what is written here. */
  private async openNext(at: number): Promise<void> {
    const { folder, instanceId, fileSystem, clock, logger } = this.options;
    await makeFolder(fileSystem, folder);
    await makeFolder(fileSystem, path.join(folder, anchorsFolder));
    this.key ??= await this.options.loadKey();
    const former = this.file;
    const before: ChainHead = former?.head ?? { sequence: 0, hash: nothingBefore };
    const others = await witnessOthers(this.options, instanceId);
    const part = this.part + 1;
    const name = await this.freeName(part);
    const opening = draftOf('chain.opened', at, await this.openingDetails(name, part, former?.name));
    this.file = await ChainFile.create({ folder, name, key: this.key, fileSystem, clock, logger }, before, opening);
    this.part = part;
    this.toTell = others.length === 0 ? undefined : draftOf('chain.witnessed', at, { files: others });
    // Only now: a file that says it was followed must be.
    await former?.end('rotated').catch((error: unknown) => {
      logger.warn('The end of a file of the audit log could not be signed; the next file names it', { error });
    });
  }

  /** A clock that was set back may give a time that was there before. */
  private async freeName(part: number): Promise<string> {
    const { folder, instanceId, fileSystem, clock } = this.options;
    const names = new Set(await fileSystem.list(folder));
    for (let at = clock.now(); ; at += 1) {
      const name = chainFileName(at, instanceId, part);
      if (!names.has(name)) return name;
    }
  }

  private async openingDetails(
    file: string,
    part: number,
    follows: string | undefined,
  ): Promise<OpeningDetails & { readonly setting: Readonly<Record<string, unknown>> }> {
    const { instanceId, version, processes, setting } = this.options;
    const { publicKey = '', keptBy = 'file' } = this.key ?? {};
    return {
      format: formatVersion,
      file,
      part,
      ...(follows !== undefined && { follows }),
      instanceId,
      process: await processes.self(),
      version,
      publicKey,
      keyKeptBy: keptBy,
      setting: setting(),
    };
  }
}

/** A record that the log makes of itself. */
export function draftOf(kind: RecordDraft['kind'], at: number, details: RecordDraft['details']): RecordDraft {
  return { at, kind, outcome: undefined, actor: serverActor, correlationId: undefined, details };
}

async function makeFolder(fileSystem: FileSystem, folder: string): Promise<void> {
  try {
    await fileSystem.createFolder(folder);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
