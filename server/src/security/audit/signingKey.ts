import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { errorCode, nodeFileSystem, type FileSystem } from '../../base/fileSystem.ts';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import type { Logger } from '../../base/logger.ts';
import type { SecretStore } from './ports.ts';

const secretName = 'audit.signingKey';
const fileName = 'signingKey.pem';
const publicKeysFolder = 'publicKeys';
const editorLimitMs = 3_000;
const othersMask = 0o077;
const maxFileBytes = 1_024;

/** An Ed25519 key pair of this data folder. */
export interface SigningKey {
  /** SubjectPublicKeyInfo in base64. */
  readonly publicKey: string;
  readonly keptBy: 'editor' | 'file';
  /** A signature in base64. */
  sign(text: string): string;
}

export interface SigningKeyOptions {
  /** Folder of the audit log; exists. */
  readonly folder: string;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Gives the key that signs: out of the editor's secret storage where one is attached, else from a file that its owner
 * alone can read. Made if there is none. An editor that gives no key within 3 s is done without, since nothing
 * privileged could be done till then. The public key is left in `publicKeys`, for whoever verifies.
 */
export async function loadSigningKey(options: SigningKeyOptions): Promise<SigningKey> {
  const kept = (await keyOfEditor(options)) ?? { key: await keyOfFile(options), keptBy: 'file' as const };
  const publicKey = exportPublic(createPublicKey(kept.key));
  await publish(options.folder, publicKey);
  return {
    publicKey,
    keptBy: kept.keptBy,
    sign: (text) => sign(null, Buffer.from(text), kept.key).toString('base64'),
  };
}

/** What a key is called where people compare them: the beginning of the SHA-256 of its SubjectPublicKeyInfo. */
export function keyIdOf(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').slice(0, 32);
}

/** The keys that have signed in this data folder: SubjectPublicKeyInfo in base64, by their ids. */
export async function readPublicKeys(
  folder: string,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  let names: readonly string[];
  try {
    names = await fileSystem.list(path.join(folder, publicKeysFolder));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return keys;
    throw error;
  }
  for (const name of names) {
    const id = /^([\da-f]{32})\.pem$/.exec(name)?.[1];
    if (id === undefined) continue;
    const publicKey = readPublicKey(await readSmallFile(path.join(folder, publicKeysFolder, name)));
    // A file whose name says another key than it holds is not believed.
    if (publicKey !== undefined && keyIdOf(publicKey) === id) keys.set(id, publicKey);
  }
  return keys;
}

/** SubjectPublicKeyInfo in base64 of an Ed25519 key in PEM; undefined if it is none. */
export function readPublicKey(pem: string): string | undefined {
  if (pem.includes('PRIVATE')) return undefined;
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? exportPublic(key) : undefined;
  } catch {
    // Not a key at all, which is the answer.
    return undefined;
  }
}

async function keyOfEditor({
  secrets,
  clock,
  logger,
}: SigningKeyOptions): Promise<{ key: KeyObject; keptBy: 'editor' } | undefined> {
  if (!secrets.canKeep) return undefined;
  const exchange = async (): Promise<{ key: KeyObject; keptBy: 'editor' }> => {
    const known = readPrivateKey((await secrets.get(secretName)) ?? '');
    if (known) return { key: known, keptBy: 'editor' };
    const key = generateKeyPairSync('ed25519').privateKey;
    await secrets.set(secretName, pemOf(key));
    return { key, keptBy: 'editor' };
  };
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = clock.after(editorLimitMs, () => resolve('late'));
  try {
    const first = await Promise.race([exchange(), late]);
    if (first !== 'late') return first;
    logger.warn('The editor gave no key for the audit log in time; the one in the data folder is used');
  } catch (error) {
    logger.warn('The editor gave no key for the audit log; the one in the data folder is used', { error });
  } finally {
    timer.dispose();
  }
  return undefined;
}

async function keyOfFile({ folder, logger }: SigningKeyOptions): Promise<KeyObject> {
  const file = path.join(folder, fileName);
  const known = await readKeyFile(file, logger);
  if (known) return known;
  const key = generateKeyPairSync('ed25519').privateKey;
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFileAtomic(temporary, pemOf(key));
  try {
    // A link, unlike a rename, fails if another server was first: then its key is the one.
    await fs.link(temporary, file);
    return key;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const first = await readKeyFile(file, logger);
    if (first) return first;
    throw error;
  } finally {
    await fs.rm(temporary, { force: true });
  }
}

/** The key in the file, or undefined where there is none that may be used; such a file is put aside. */
async function readKeyFile(file: string, logger: Logger): Promise<KeyObject | undefined> {
  let stats;
  try {
    stats = await fs.lstat(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const isPrivate = process.platform === 'win32' || (stats.mode & othersMask) === 0;
  const key = stats.isFile() && isPrivate ? readPrivateKey(await readSmallFile(file)) : undefined;
  if (key) return key;
  logger.warn('The key of the audit log could be read by others or was none, so there is a new one');
  await fs.rename(file, `${file}.${randomBytes(6).toString('hex')}.unused`);
  return undefined;
}

async function readSmallFile(file: string): Promise<string> {
  const handle = await fs.open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxFileBytes), 0, maxFileBytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function readPrivateKey(pem: string): KeyObject | undefined {
  if (!pem.includes('PRIVATE KEY')) return undefined;
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    // What cannot be read is no key, and a new one takes its place.
    return undefined;
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function exportPublic(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}

async function publish(folder: string, publicKey: string): Promise<void> {
  const keys = path.join(folder, publicKeysFolder);
  await fs.mkdir(keys, { recursive: true, mode: 0o700 });
  const file = path.join(keys, `${keyIdOf(publicKey)}.pem`);
  // One that cannot be read is written anew, and if that fails it is told.
  if (readPublicKey(await readSmallFile(file).catch(() => '')) === publicKey) return;
  const pem = `-----BEGIN PUBLIC KEY-----\n${publicKey}\n-----END PUBLIC KEY-----\n`;
  await writeFileAtomic(file, pem);
}
