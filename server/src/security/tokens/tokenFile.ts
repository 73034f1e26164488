import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';

const tokenBytes = 32;
const tokenPattern = /^[\w-]{43}$/;
const fileMode = 0o600;
const folderMode = 0o700;
const othersMask = 0o077;
const maxFileBytes = 256;
const attempts = 5;

/** The token of a data folder. */
export interface TokenFile {
  readonly path: string;
  /** 256 bits in base64url. */
  readonly token: string;
  /** One sentence for each thing that was not as it should be and was mended; to be shown or logged. */
  readonly repairs: readonly string[];
}

/**
 * Reads `<dataFolder>/token`, making folder and file if need be, both for this user alone. A token that others could
 * have read is replaced by a new one. Rejects with `Unavailable` if the folder belongs to somebody else or cannot be
 * written.
 */
export async function ensureTokenFile(dataFolder: string): Promise<TokenFile> {
  const file = path.join(dataFolder, 'token');
  const repairs: string[] = [];
  try {
    await ensurePrivateFolder(dataFolder, repairs);
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const token = (await readToken(file, repairs)) ?? (await createToken(file));
      if (token !== undefined) return { path: file, token, repairs };
    }
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const code = errorCode(error) ?? 'unknown error';
    throw new CodedError(
      'Unavailable',
      `The token file could not be made (${code}). Make the data folder writable for this user, or choose another.`,
      { args: { code }, cause: error },
    );
  }
  throw new CodedError(
    'Unavailable',
    'The token file keeps changing. Stop the other program that writes it, and try again.',
  );
}

/** How far the end of a token has come. */
export interface TokenEnd {
  /** Called right before the disk is told: from then on nobody comes in with it. */
  begin(): void;
  /** Set once the disk no longer has it. */
  isDone: boolean;
}

/**
 * Puts a new token into `<dataFolder>/token`, which is the `end` of the old one. Rejects with `Unavailable`, which says
 * which of the two holds.
 */
export async function replaceToken(
  { dataFolder, fileSystem }: { readonly dataFolder: string; readonly fileSystem: FileSystem },
  end: TokenEnd,
): Promise<void> {
  const file = path.join(dataFolder, 'token');
  const token = randomBytes(tokenBytes).toString('base64url');
  try {
    await writeFileAtomic(file, `${token}\n`, fileSystem, () => {
      end.begin();
      return Promise.resolve();
    });
    end.isDone = true;
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    end.isDone = (await fs.readFile(file, 'utf8').catch(() => '')).trim() === token;
    const consequence = end.isDone
      ? 'for good, so the new one holds, but the old one may be back after a loss of power'
      : 'so the old token still holds';
    const message = `The token file could not be written (${code}), ${consequence}.`;
    throw new CodedError('Unavailable', message, { args: { code }, cause: error });
  }
}

async function ensurePrivateFolder(folder: string, repairs: string[]): Promise<void> {
  await fs.mkdir(folder, { recursive: true, mode: folderMode });
  if (process.platform === 'win32') return;
  const stats = await fs.stat(folder);
  if (stats.uid !== process.geteuid?.()) {
    throw new CodedError('Unavailable', 'The data folder belongs to another user. Choose another data folder.');
  }
  if ((stats.mode & othersMask) === 0) return;
  await fs.chmod(folder, folderMode);
  repairs.push('Other users could look into the data folder; now only its owner can.');
}

/** The token, or undefined if there is none that may be used; one that may not is moved out of the way first. */
async function readToken(file: string, repairs: string[]): Promise<string | undefined> {
  let handle;
  try {
    // No link is followed, and a pipe does not block.
    const noFollow = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW | constants.O_NONBLOCK;
    handle = await fs.open(file, constants.O_RDONLY | noFollow);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code !== 'ELOOP' && code !== 'EACCES' && code !== 'ENXIO') throw error;
    await discard(file, 'The token’s file was a link or could not be read, so there is a new token.', repairs);
    return undefined;
  }
  try {
    const problem = problemOf(await handle.stat());
    const buffer = Buffer.alloc(maxFileBytes);
    const { bytesRead } = problem === undefined ? await handle.read(buffer, 0, maxFileBytes, 0) : { bytesRead: 0 };
    const token = buffer.toString('latin1', 0, bytesRead).trim();
    if (problem === undefined && tokenPattern.test(token)) return token;
    await discard(file, problem ?? 'The token’s file held no token, so there is a new one.', repairs);
    return undefined;
  } finally {
    await handle.close();
  }
}

function problemOf(stats: { isFile(): boolean; uid: number; mode: number }): string | undefined {
  if (!stats.isFile()) return 'The token’s file was no regular file, so there is a new token.';
  if (process.platform === 'win32') return undefined;
  if (stats.uid !== process.geteuid?.()) return 'The token’s file belonged to another user, so there is a new token.';
  if ((stats.mode & othersMask) === 0) return undefined;
  return 'Other users could read the token’s file, so there is a new token; clients must read it again.';
}

async function discard(file: string, why: string, repairs: string[]): Promise<void> {
  await fs.rm(file, { force: true });
  repairs.push(why);
}

/** Answers undefined if another process was first: then its token is the one. */
async function createToken(file: string): Promise<string | undefined> {
  const token = randomBytes(tokenBytes).toString('base64url');
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await fs.open(temporary, 'wx', fileMode);
    try {
      await handle.writeFile(`${token}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link, unlike a rename, fails if the name is taken, and the file appears under it whole.
    await fs.link(temporary, file);
    return token;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  } finally {
    await fs.rm(temporary, { force: true });
  }
}
