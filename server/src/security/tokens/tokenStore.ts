import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { GrantedScope } from '../../../protocol/declaration.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { ListedToken } from '../../../protocol/security.ts';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import type { Disposable } from '../../base/disposable.ts';
import { mainId, type Bearer } from '../../base/door.ts';
import { errorCode } from '../../base/fileSystem.ts';
import { RecordReader, type RecordReaderOptions } from './recordReader.ts';
import { replaceToken, type TokenEnd, type TokenFile } from './tokenFile.ts';
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
 * without a lock: to revoke is to remove the file, and every server has noticed within a second. Of several who rotate or
 * revoke one token at once, the one that has removed its file was first, and the others find none.
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
    if (await this.areMoreThan(maxTokens - 1)) throw full();
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

  /** When a token ends, in milliseconds since 1970; undefined for one that holds until somebody ends it. Rejects with `NotFound`. */
  async endOf(tokenId: string): Promise<number | undefined> {
    return tokenId === mainId ? undefined : (await this.existing(tokenId)).expiresAt;
  }

  /**
   * Makes a token of what was `drawn` for it, which ends at `notAfter` at the latest. Rejects with `ResourceLimit`, where two processes take the last place at once
   * perhaps in both, and with `Unavailable`.
   */
  async issue({ name, scope, hours }: IssueParams, drawn = drawToken(), notAfter = Infinity): Promise<NewToken> {
    await this.refuseIfFull();
    const createdAt = this.options.clock.now();
    const expiresAt = Math.min(createdAt + hours * hourMs, notAfter);
    const record = recordOf({ name, scope, createdAt, expiresAt }, drawn);
    const made = await this.create(record, drawn);
    // Another process may have taken the last place since; whoever looks after that sees both.
    if (!(await this.areMoreThan(maxTokens))) return made;
    await this.removeIfThere(drawn.id, record);
    throw full();
  }

  /**
   * Puts what was `drawn` in the place of a token, with the same end, or `notAfter` if that is earlier. Rejects with `NotFound`, also where somebody else rotates or revokes it at
   * once and is first, and with `Unavailable`. A crash in the very moment between the old file and the new one loses this
   * token and no other. Of the data folder's own token only the id is answered: the new one stands in its file.
   */
  async rotate(
    tokenId: string,
    drawn = drawToken(),
    notAfter?: number,
  ): Promise<Omit<NewToken, 'token'> & { readonly token?: string }> {
    if (tokenId === mainId) {
      await this.rotateMain();
      return { tokenId };
    }
    const former = await this.existing(tokenId);
    const next =
      notAfter === undefined ? former : { ...former, expiresAt: Math.min(former.expiresAt ?? Infinity, notAfter) };
    return this.ending(tokenId, former.digest, (end) =>
      this.create(recordOf(next, drawn), drawn, async () => {
        if (!(await this.removeFile(tokenId, end))) throw notFound(tokenId);
      }),
    );
  }

  /**
   * Resolves once no token can hold under this id. Rejects with `NotFound`, also where somebody else rotates or revokes it at
   * once and is first, and with `Unsupported` for the data folder's own token.
   */
  async revoke(tokenId: string): Promise<void> {
    // Of several who remove one token at once, one hears that it was there.
    if (!(await this.removeIfThere(tokenId, await this.revocable(tokenId)))) throw notFound(tokenId);
  }

  dispose(): void {
    this.watching.dispose();
  }

  /** Writes the record of a new token; where that takes the place of another one, `removeFormer` comes first. */
  private async create(
    record: TokenRecord,
    { id, token }: DrawnToken,
    removeFormer?: () => Promise<void>,
  ): Promise<NewToken> {
    const file = this.reader.file(id);
    const progress: { isFormerGone: boolean } = { isFormerGone: false };
    try {
      await fs.mkdir(path.dirname(file), { recursive: true, mode: folderMode });
      await writeFileAtomic(file, JSON.stringify(record), this.options.fileSystem, async () => {
        await removeFormer?.();
        progress.isFormerGone = removeFormer !== undefined;
      });
    } catch (error) {
      if (error instanceof CodedError) throw error;
      throw notWritten(error, progress.isFormerGone ? 'The old one has ended. Make another.' : 'Nothing was changed.');
    }
    const { expiresAt } = record;
    return { tokenId: id, token, ...(expiresAt === undefined ? {} : { expiresAt }) };
  }

  private async rotateMain(): Promise<void> {
    const former = digestOf((await this.open()).token);
    await this.ending(mainId, former, async (end) => {
      await replaceToken(this.options, end);
      await this.open();
    });
  }

  private removeIfThere(tokenId: string, { digest }: TokenRecord): Promise<boolean> {
    return this.ending(tokenId, digest, (end) => this.removeFile(tokenId, end));
  }

  /** Removes the file of a token for good. Answers false where there is none. */
  private async removeFile(tokenId: string, end: TokenEnd): Promise<boolean> {
    const file = this.reader.file(tokenId);
    const { fileSystem } = this.options;
    end.begin();
    try {
      await fileSystem.remove(file);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') {
        throw notEnded(error, 'It still holds. Make the data folder writable for this user, and try again.');
      }
      end.isDone = true;
      return false;
    }
    end.isDone = true;
    try {
      await fileSystem.syncFolder(path.dirname(file));
    } catch (error) {
      throw notEnded(
        error,
        'It is refused now, but may be back after a loss of power. Look after the disk of the data folder, and make another if you need one.',
      );
    }
    return true;
  }

  /**
   * Ends a token in this process from `begin` on, even before the disk knows of it and whatever is being read of it at the
   * moment; where the disk then refuses, the token holds again. Who came in with it is sent away at the end of `change` and
   * not before, so that somebody who rotates his own token is answered, and nobody goes for a change that failed.
   */
  private async ending<T>(tokenId: string, digest: string, change: (end: TokenEnd) => Promise<T>): Promise<T> {
    const hold = this.watching.hold(tokenId);
    const end = { begin: () => this.refuse(digest), isDone: false };
    try {
      return await change(end);
    } finally {
      hold.dispose();
      if (end.isDone) {
        this.reader.forget(tokenId);
        this.known.delete(tokenId);
        this.watching.end(tokenId, (shown) => shown === digest);
      } else {
        this.ended.delete(digest);
      }
    }
  }

  private refuse(digest: string): void {
    this.ended.add(digest);
    const [oldest] = this.ended;
    if (this.ended.size > maxEnded && oldest !== undefined) this.ended.delete(oldest);
  }

  private async existing(tokenId: string): Promise<TokenRecord> {
    const record = await this.read(tokenId);
    if (record && !this.hasEnded(record)) return record;
    throw notFound(tokenId);
  }

  /** Whether more than `count` tokens hold. Those that have ended are removed where it depends on them. */
  private async areMoreThan(count: number): Promise<boolean> {
    const ids = await this.reader.ids();
    if (ids.length <= count) return false;
    let left = ids.length;
    for (const id of ids) {
      const record = await this.read(id);
      if (!record || !this.hasEnded(record)) continue;
      await this.removeIfThere(id, record);
      left--;
    }
    return left > count;
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

function recordOf(
  { name, scope, createdAt, expiresAt }: Omit<TokenRecord, 'version' | 'digest'>,
  { token }: DrawnToken,
): TokenRecord {
  const end = expiresAt === undefined ? {} : { expiresAt };
  return { version: 1, name, scope, createdAt, ...end, digest: digestOf(token) };
}

function full(): CodedError {
  return new CodedError('ResourceLimit', `There are ${maxTokens} tokens already. Revoke one that nobody needs.`);
}

function notFound(tokenId: string): CodedError {
  const message = `There is no token ${tokenId}. It may have ended, or somebody has just revoked it or rotated it to another one: look at the list of tokens.`;
  return new CodedError('NotFound', message, { args: { tokenId } });
}

function notEnded(error: unknown, consequence: string): CodedError {
  const code = errorCode(error) ?? 'unknown error';
  const message = `The token could not be ended for good (${code}). ${consequence}`;
  return new CodedError('Unavailable', message, { args: { code }, cause: error });
}

function notWritten(error: unknown, consequence: string): CodedError {
  const code = errorCode(error) ?? 'unknown error';
  const message = `The token could not be written (${code}). ${consequence} The data folder must be writable, with room on its disk.`;
  return new CodedError('Unavailable', message, { args: { code }, cause: error });
}
