import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { GrantedScope } from '../../../protocol/declaration.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { ListedToken } from '../../../protocol/security.ts';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Bearer } from '../../base/door.ts';
import { mainId, RecordReader, type RecordReaderOptions } from './recordReader.ts';
import { replaceToken, type TokenFile } from './tokenFile.ts';
import { digestOf, drawToken, idInToken, isTokenOf, type DrawnToken, type TokenRecord } from './tokenRecord.ts';
import { TokenWatch } from './tokenWatch.ts';

const folderMode = 0o700;
const maxTokens = 100;
const hourMs = 3_600_000;
/** So long an answer of the disk is used again. */
const freshMs = 1_000;
/** Digests of tokens that this process has ended; a read that was begun before is over long before they are forgotten. */
const maxEnded = 1_000;

interface IssueParams {
  /** For people: what it is for. */
  readonly name: string;
  readonly scope: GrantedScope;
  readonly hours: number;
}

/** A token that was just made. */
export interface NewToken {
  readonly tokenId: string;
  readonly token: string;
  readonly expiresAt?: number;
}

/**
 * The tokens of a data folder: its own, which may do everything, and those made for others, each with a scope and an end.
 * One file a token, by its id and with nothing but a digest in it, so that several servers and the command line work on them
 * without a lock: to revoke is to remove the file, and every server has noticed within a second.
 */
export class TokenStore implements Disposable {
  private readonly options: RecordReaderOptions;
  private readonly reader: RecordReader;
  private readonly watching: TokenWatch;
  private readonly known = new Map<string, { readonly record: TokenRecord; readonly readAt: number }>();
  /** The oldest first. */
  private readonly ended = new Set<string>();

  constructor(options: RecordReaderOptions) {
    const { clock, logger } = options;
    this.options = options;
    this.reader = new RecordReader(options);
    const digestNow = async (tokenId: string): Promise<string | undefined> => {
      const record = await this.read(tokenId);
      return record && !this.hasEnded(record) ? record.digest : undefined;
    };
    this.watching = new TokenWatch({ digestOf: digestNow, clock, logger });
  }

  /** The data folder's own token in its file, which is made if need be. Rejects with `Unavailable`. */
  open(): Promise<TokenFile> {
    return this.reader.readMain();
  }

  /** Whose token this is; undefined for none that holds now. Rejects with `Unavailable` where the disk does not answer. */
  async authenticate(presented: string): Promise<Bearer | undefined> {
    const id = idInToken(presented) ?? mainId;
    const record = await this.record(id);
    // An unknown id takes as long as a wrong secret.
    const isRight = isTokenOf(record?.digest ?? digestOf(''), presented);
    if (!record || !isRight || this.hasEnded(record)) return undefined;
    const { name, scope, digest } = record;
    return { tokenId: id, name, scope, digest, isOwner: id === mainId };
  }

  /** Calls `onEnded` once when the token that was just shown is revoked, rotated or expired, at most a second later. */
  watch(shown: Pick<Bearer, 'tokenId' | 'digest'>, onEnded: () => void): Disposable {
    const watching = this.watching.add(shown, onEnded);
    // It may have been ended here between being shown and now.
    this.watching.end(shown.tokenId, (digest) => this.ended.has(digest));
    return watching;
  }

  async list(): Promise<ListedToken[]> {
    const listed: ListedToken[] = [{ tokenId: mainId, name: 'the data folder’s own', scope: 'admin' }];
    for (const tokenId of await this.reader.ids()) {
      const record = await this.read(tokenId);
      if (!record || this.hasEnded(record)) continue;
      const { name, scope, createdAt, expiresAt } = record;
      listed.push({ tokenId, name, scope, createdAt, ...(expiresAt === undefined ? {} : { expiresAt }) });
    }
    return listed.sort((one, other) => (one.createdAt ?? 0) - (other.createdAt ?? 0));
  }

  /**
   * Rejects with `ResourceLimit` where `issue` would: at 100 tokens that hold. Those that have ended are removed to make
   * room.
   */
  async refuseIfFull(): Promise<void> {
    const ids = await this.reader.ids();
    if (ids.length >= maxTokens && (await this.removeEnded(ids)) >= maxTokens) {
      throw new CodedError('ResourceLimit', `There are ${maxTokens} tokens already. Revoke one that nobody needs.`);
    }
  }

  /** Rejects with `NotFound` where `rotate` would. */
  async refuseUnlessRotatable(tokenId: string): Promise<void> {
    if (tokenId !== mainId) await this.existing(tokenId);
  }

  /** Rejects with `NotFound` or `Unsupported` where `revoke` would; else answers what is to be removed. */
  async revocable(tokenId: string): Promise<TokenRecord> {
    if (tokenId === mainId) {
      throw new CodedError('Unsupported', 'The token of the data folder cannot be revoked, only rotated.');
    }
    return this.existing(tokenId);
  }

  /** Makes a token of what was `drawn` for it. Rejects with `ResourceLimit`. */
  async issue({ name, scope, hours }: IssueParams, drawn = drawToken()): Promise<NewToken> {
    await this.refuseIfFull();
    const createdAt = this.options.clock.now();
    return this.create({ name, scope, createdAt, expiresAt: createdAt + hours * hourMs }, drawn);
  }

  /**
   * Puts what was `drawn` in the place of a token. Rejects with `NotFound`. Of the data folder's own token only the id is
   * answered: the new one stands in its file.
   */
  async rotate(tokenId: string, drawn = drawToken()): Promise<Omit<NewToken, 'token'> & { readonly token?: string }> {
    if (tokenId === mainId) {
      await this.rotateMain();
      return { tokenId };
    }
    const former = await this.existing(tokenId);
    const { name, scope, createdAt, expiresAt } = former;
    const record = { name, scope, createdAt, ...(expiresAt === undefined ? {} : { expiresAt }) };
    const rotated = await this.create(record, drawn);
    await this.remove(tokenId, former);
    return rotated;
  }

  /** Rejects with `NotFound`, and with `Unsupported` for the data folder's own token. */
  async revoke(tokenId: string): Promise<void> {
    await this.remove(tokenId, await this.revocable(tokenId));
  }

  dispose(): void {
    this.watching.dispose();
  }

  private async create(record: Omit<TokenRecord, 'version' | 'digest'>, drawn: DrawnToken): Promise<NewToken> {
    const { id, token } = drawn;
    const file = this.reader.file(id);
    await fs.mkdir(path.dirname(file), { recursive: true, mode: folderMode });
    await writeFileAtomic(file, JSON.stringify({ version: 1, ...record, digest: digestOf(token) }));
    const { expiresAt } = record;
    return { tokenId: id, token, ...(expiresAt === undefined ? {} : { expiresAt }) };
  }

  private async rotateMain(): Promise<void> {
    const former = digestOf((await this.open()).token);
    await this.ending(mainId, former, async () => {
      await replaceToken(this.options.dataFolder);
      await this.open();
    });
  }

  private async remove(tokenId: string, { digest }: TokenRecord): Promise<void> {
    await this.ending(tokenId, digest, () => fs.rm(this.reader.file(tokenId), { force: true }));
  }

  /**
   * Ends a token in this process even before the disk knows of it, whatever is being read of it at the moment. If the disk
   * fails, it holds again.
   */
  private async ending(tokenId: string, digest: string, change: () => Promise<void>): Promise<void> {
    this.ended.add(digest);
    const [oldest] = this.ended;
    if (this.ended.size > maxEnded && oldest !== undefined) this.ended.delete(oldest);
    try {
      await change();
    } catch (error) {
      this.ended.delete(digest);
      throw error;
    }
    this.reader.forget(tokenId);
    this.known.delete(tokenId);
    this.watching.end(tokenId, (shown) => shown === digest);
  }

  private async existing(tokenId: string): Promise<TokenRecord> {
    const record = await this.read(tokenId);
    if (record && !this.hasEnded(record)) return record;
    throw new CodedError('NotFound', `There is no token ${tokenId}. It may have ended.`, { args: { tokenId } });
  }

  /** How many are left. */
  private async removeEnded(ids: readonly string[]): Promise<number> {
    let left = ids.length;
    for (const id of ids) {
      const record = await this.read(id);
      if (!record || !this.hasEnded(record)) continue;
      await this.remove(id, record);
      left--;
    }
    return left;
  }

  private hasEnded({ expiresAt }: TokenRecord): boolean {
    return expiresAt !== undefined && this.options.clock.now() >= expiresAt;
  }

  /** From memory for a second, so that a flood of requests is no flood of reads. */
  private async record(tokenId: string): Promise<TokenRecord | undefined> {
    const known = this.known.get(tokenId);
    const now = this.options.clock.now();
    const isFresh = known && now >= known.readAt && now - known.readAt < freshMs;
    if (isFresh && !this.ended.has(known.record.digest)) return known.record;
    const record = await this.read(tokenId);
    // A made-up id must not take room.
    if (record) this.known.set(tokenId, { record, readAt: now });
    else this.known.delete(tokenId);
    return record;
  }

  /** What the disk says, less what was ended here while it was read. */
  private async read(tokenId: string): Promise<TokenRecord | undefined> {
    const record = await this.reader.read(tokenId);
    return record && this.ended.has(record.digest) ? undefined : record;
  }
}
