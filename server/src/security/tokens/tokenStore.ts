import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { GrantedScope } from '../../../protocol/declaration.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { ListedToken } from '../../../protocol/security.ts';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import type { Clock } from '../../base/clock.ts';
import { toDisposable, type Disposable } from '../../base/disposable.ts';
import { errorCode } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { ensureTokenFile, replaceToken } from './tokenFile.ts';
import { digestOf, drawToken, idInToken, isTokenOf, parseTokenRecord, type TokenRecord } from './tokenRecord.ts';

const folderMode = 0o700;
const maxTokens = 100;
/** Far above any record. */
const maxRecordBytes = 4_096;
const hourMs = 3_600_000;
/** So long an answer of the disk is used again, and so soon a revocation by another process is noticed. */
const freshMs = 1_000;
/** The id of the data folder's own token. */
const mainId = 'dataFolder';

/** Who has shown a token. */
export interface Bearer {
  readonly tokenId: string;
  /** For people: what the token was made for. */
  readonly name: string;
  readonly scope: GrantedScope;
  /** Of the token that was shown, by which it is told from the one that may follow it under the same id. */
  readonly digest: string;
}

/** A token that was just made. */
export interface NewToken {
  readonly tokenId: string;
  readonly token: string;
  readonly expiresAt?: number;
}

export interface TokenStoreOptions {
  /** Absolute; private to the person. */
  readonly dataFolder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The tokens of a data folder: its own, which may do everything, and those made for others, each with a scope and an end.
 * One file a token, by its id and with nothing but a digest in it, so that several servers and the command line work on them
 * without a lock: to revoke is to remove the file, and every server has noticed within a second.
 */
export class TokenStore implements Disposable {
  private readonly options: TokenStoreOptions;
  private readonly folder: string;
  private readonly known = new Map<string, { readonly record: TokenRecord; readonly readAt: number }>();
  private readonly watchers = new Map<string, Set<{ readonly digest: string; readonly onEnded: () => void }>>();
  private timer: Disposable | undefined;
  private isDisposed = false;

  constructor(options: TokenStoreOptions) {
    this.options = options;
    this.folder = path.join(options.dataFolder, 'tokens');
  }

  /** Whose token this is; undefined for none that holds now. Rejects with `Unavailable` where the disk does not answer. */
  async authenticate(presented: string): Promise<Bearer | undefined> {
    const id = idInToken(presented) ?? mainId;
    const record = await this.record(id);
    // An unknown id takes as long as a wrong secret.
    const isRight = isTokenOf(record?.digest ?? digestOf(''), presented);
    if (!record || !isRight || this.hasEnded(record)) return undefined;
    return { tokenId: id, name: record.name, scope: record.scope, digest: record.digest };
  }

  /** Calls `onEnded` once when the token that was just shown is revoked, rotated or expired, at most a second later. */
  watch({ tokenId, digest }: Pick<Bearer, 'tokenId' | 'digest'>, onEnded: () => void): Disposable {
    const watcher = { digest, onEnded };
    const watchers = this.watchers.get(tokenId) ?? new Set();
    this.watchers.set(tokenId, watchers.add(watcher));
    this.timer ??= this.schedule();
    return toDisposable(() => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.watchers.get(tokenId) === watchers) this.watchers.delete(tokenId);
    });
  }

  async list(): Promise<ListedToken[]> {
    const listed: ListedToken[] = [{ tokenId: mainId, name: 'the data folder’s own', scope: 'admin' }];
    for (const tokenId of await this.ids()) {
      const record = await this.read(tokenId);
      if (!record || this.hasEnded(record)) continue;
      const { name, scope, createdAt, expiresAt } = record;
      listed.push({ tokenId, name, scope, createdAt, ...(expiresAt === undefined ? {} : { expiresAt }) });
    }
    return listed.sort((one, other) => (one.createdAt ?? 0) - (other.createdAt ?? 0));
  }

  /** Rejects with `ResourceLimit` at 100 tokens that hold. Those that have ended are removed to make room. */
  async issue({ name, scope, hours }: { name: string; scope: GrantedScope; hours: number }): Promise<NewToken> {
    const ids = await this.ids();
    if (ids.length >= maxTokens && (await this.removeEnded(ids)) >= maxTokens) {
      throw new CodedError('ResourceLimit', `There are ${maxTokens} tokens already. Revoke one that nobody needs.`);
    }
    const createdAt = this.options.clock.now();
    return this.create({ name, scope, createdAt, expiresAt: createdAt + hours * hourMs });
  }

  /** Rejects with `NotFound`. Of the data folder's own token only the id is answered: it stands in its file. */
  async rotate(tokenId: string): Promise<Omit<NewToken, 'token'> & { readonly token?: string }> {
    if (tokenId === mainId) {
      await replaceToken(this.options.dataFolder);
      await this.ended(mainId);
      return { tokenId };
    }
    const former = await this.existing(tokenId);
    const { name, scope, createdAt, expiresAt } = former;
    const rotated = await this.create({ name, scope, createdAt, ...(expiresAt === undefined ? {} : { expiresAt }) });
    await this.remove(tokenId);
    return rotated;
  }

  /** Rejects with `NotFound`, and with `Unsupported` for the data folder's own token. */
  async revoke(tokenId: string): Promise<void> {
    if (tokenId === mainId) {
      throw new CodedError('Unsupported', 'The token of the data folder cannot be revoked, only rotated.');
    }
    await this.existing(tokenId);
    await this.remove(tokenId);
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
    this.watchers.clear();
  }

  private async create(record: Omit<TokenRecord, 'version' | 'digest'>): Promise<NewToken> {
    const { id, token } = drawToken();
    await fs.mkdir(this.folder, { recursive: true, mode: folderMode });
    await writeFileAtomic(this.file(id), JSON.stringify({ version: 1, ...record, digest: digestOf(token) }));
    const { expiresAt } = record;
    return { tokenId: id, token, ...(expiresAt === undefined ? {} : { expiresAt }) };
  }

  private async remove(tokenId: string): Promise<void> {
    await fs.rm(this.file(tokenId), { force: true });
    await this.ended(tokenId);
  }

  private async ended(tokenId: string): Promise<void> {
    this.known.delete(tokenId);
    await this.check(tokenId);
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
      await this.remove(id);
      left--;
    }
    return left;
  }

  private hasEnded({ expiresAt }: TokenRecord): boolean {
    return expiresAt !== undefined && this.options.clock.now() >= expiresAt;
  }

  private async ids(): Promise<string[]> {
    const names = await fs.readdir(this.folder).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return [];
      throw unreadable(error);
    });
    return names.flatMap((name) => /^([0-9a-f]{16})\.json$/.exec(name)?.[1] ?? []);
  }

  private file(tokenId: string): string {
    return path.join(this.folder, `${tokenId}.json`);
  }

  /** From memory for a second, so that a flood of requests is no flood of reads. */
  private async record(tokenId: string): Promise<TokenRecord | undefined> {
    const known = this.known.get(tokenId);
    const now = this.options.clock.now();
    if (known && now >= known.readAt && now - known.readAt < freshMs) return known.record;
    const record = await this.read(tokenId);
    // A made-up id must not take room.
    if (record) this.known.set(tokenId, { record, readAt: now });
    else this.known.delete(tokenId);
    return record;
  }

  private async read(tokenId: string): Promise<TokenRecord | undefined> {
    if (tokenId === mainId) {
      const { token } = await ensureTokenFile(this.options.dataFolder);
      return { version: 1, name: 'the data folder’s own', scope: 'admin', digest: digestOf(token), createdAt: 0 };
    }
    try {
      const file = this.file(tokenId);
      if ((await fs.stat(file)).size > maxRecordBytes) return undefined;
      const record = parseTokenRecord(await fs.readFile(file, 'utf8'));
      if (!record) this.options.logger.warn('A token’s file is damaged, so that the token does not hold', { tokenId });
      return record;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw unreadable(error);
    }
  }

  private schedule(): Disposable {
    return this.options.clock.after(freshMs, () => {
      const check = Promise.all([...this.watchers.keys()].map((tokenId) => this.check(tokenId)));
      check
        .catch((error: unknown) =>
          this.options.logger.error('Who came in with a token was not told of its end', { error }),
        )
        .finally(() => {
          this.timer = this.watchers.size === 0 || this.isDisposed ? undefined : this.schedule();
        });
    });
  }

  /** Tells those who came in with a token that holds no more. A disk that does not answer ends nothing. */
  private async check(tokenId: string): Promise<void> {
    const record = await this.read(tokenId).catch((error: unknown) => {
      this.options.logger.warn('Whether a token still holds could not be seen', { tokenId, error });
      return 'unknown' as const;
    });
    if (record === 'unknown') return;
    for (const watcher of [...(this.watchers.get(tokenId) ?? [])]) {
      if (record && !this.hasEnded(record) && record.digest === watcher.digest) continue;
      this.watchers.get(tokenId)?.delete(watcher);
      this.known.delete(tokenId);
      watcher.onEnded();
    }
  }
}

function unreadable(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const code = errorCode(error) ?? 'unknown error';
  return new CodedError('Unavailable', `The tokens in the data folder could not be read (${code}).`, {
    args: { code },
    cause: error,
  });
}
