import type { AuditKind } from '../../../protocol/audit.ts';
import type { Clock } from '../../base/clock.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import type { ProcessTable } from '../../base/processTable.ts';
import * as path from 'node:path';
import type { AuditActor } from './auditEvents.ts';
import {
  chainFileName,
  formatVersion,
  nothingBefore,
  parseChainFileName,
  type OpeningDetails,
  type WitnessDetails,
} from './auditRecord.ts';
import { auditedDetails, auditedText } from './auditedText.ts';
import { anchorsFolder, ChainFile, type ChainHead, type RecordDraft } from './chainFile.ts';
import { witnessOthers } from './chainEnds.ts';
import type { SigningKey } from './signingKey.ts';

const defaultMaxFileBytes = 16 * 1024 * 1024;
const maxNameChars = 256;
export const serverActor: AuditActor = { kind: 'server' };

/** What a record is made of. */
export interface RecordSource {
  readonly kind: AuditKind;
  /** When it happened, in milliseconds since 1970. */
  readonly at: number;
  readonly outcome?: string | undefined;
  /** The server itself if it is left out. */
  readonly actor?: AuditActor;
  readonly correlationId?: string | undefined;
  /** From wherever they come: secrets are taken out, and what is too long is cut. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly isForeign?: boolean;
  /** What the chain makes of itself, such as hashes and names of its files, and must stand there unchanged. */
  readonly facts?: OpeningDetails | WitnessDetails;
}

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
  /** Secrets that are in memory now and must never be kept, the longest first. */
  readonly knownSecrets: () => readonly string[];
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
  /** What a file has to tell before anything else, such as others' chains as they stood: goes with the next records. */
  private toTell: RecordDraft[] = [];

  constructor(options: AuditChainOptions) {
    this.options = options;
  }

  /** The file that is written now. */
  get fileName(): string | undefined {
    return this.file?.name;
  }

  /** The one way to make a record: whatever comes from elsewhere is cleaned of secrets here. */
  draft({ kind, at, outcome, actor = serverActor, correlationId, ...source }: RecordSource): RecordDraft {
    const { details = {}, isForeign = false, facts } = source;
    const known = this.options.knownSecrets();
    const kept = { ...auditedDetails(details, { known, isForeign }), ...facts };
    return { at, kind, outcome, actor: keptActor(actor, known), correlationId, details: kept };
  }

  /** Appends records; they are durable once this resolves. Never called again before it has settled. */
  async append(drafts: readonly RecordDraft[]): Promise<void> {
    const [first] = drafts;
    if (!first) return;
    const { maxFileBytes = defaultMaxFileBytes } = this.options;
    const lost = await this.lostFile();
    if (!this.file || lost || this.file.sizeBytes >= maxFileBytes) await this.openNext(first.at);
    if (lost) this.toTell.push(this.draft({ kind: 'audit.missed', at: first.at, details: lost }));
    await this.file?.append([...this.toTell, ...drafts]);
    this.toTell = [];
  }

  /** Ends the chain with a last record, if it was begun. */
  async close(): Promise<void> {
    if (!this.file) return;
    try {
      await this.append([this.draft({ kind: 'chain.closed', at: this.options.clock.now() })]);
    } finally {
      const { file } = this;
      this.file = undefined;
      await file.end('closed');
    }
  }

  /**
   * What is to be told of the present file where somebody has deleted it or moved it away; undefined where it is in its
   * place. The next file goes on from the lost one by number and hash, so that whoever verifies misses it.
   */
  private async lostFile(): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { file } = this;
    if (!file || (await file.isInPlace())) return undefined;
    const { name, recordCount } = file;
    this.options.logger.error('A file of the audit log was taken away; another one goes on from it', { file: name });
    // What proves the signatures may have been taken away with it, and is then put there again.
    this.key = undefined;
    const since = new Date(parseChainFileName(name)?.at ?? 0).toISOString();
    return { file: name, count: recordCount, since };
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
    const facts = await this.openingFacts(name, part, former?.name);
    const opening = this.draft({ kind: 'chain.opened', at, facts, details: { setting: this.options.setting() } });
    this.file = await ChainFile.create({ folder, name, key: this.key, fileSystem, clock, logger }, before, opening);
    this.part = part;
    if (others.length > 0) this.toTell.push(this.draft({ kind: 'chain.witnessed', at, facts: { files: others } }));
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

  private async openingFacts(file: string, part: number, follows: string | undefined): Promise<OpeningDetails> {
    const { instanceId, version, processes } = this.options;
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
    };
  }
}

function keptActor(actor: AuditActor, known: readonly string[]): AuditActor {
  const entries = Object.entries(actor) as [string, string][];
  return {
    ...actor,
    ...Object.fromEntries(entries.map(([key, value]) => [key, auditedText(value, { known }, maxNameChars)])),
  };
}

async function makeFolder(fileSystem: FileSystem, folder: string): Promise<void> {
  try {
    await fileSystem.createFolder(folder);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
