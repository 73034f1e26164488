import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ptyProtocolVersion } from './limits.ts';

/** Bytes of the secret that both ends read from the data folder. */
export const tokenBytes = 32;
const nonceBytes = 32;
const hexOf32Bytes = /^[0-9a-f]{64}$/;

/** Which end makes a proof. It stands in what is signed, so that one end's proof is worthless as the other's. */
export type ProvingSide = 'client' | 'host';

export function createNonce(): string {
  return randomBytes(nonceBytes).toString('hex');
}

export function isNonceOrProof(value: unknown): value is string {
  return typeof value === 'string' && hexOf32Bytes.test(value);
}

/** Shows knowledge of `token` for this one pair of nonces without giving it away: HMAC-SHA256, in hex. */
export function createProof(
  token: Uint8Array,
  side: ProvingSide,
  nonces: { readonly client: string; readonly host: string },
): string {
  return createHmac('sha256', token)
    .update(`pty host ${ptyProtocolVersion} ${side} ${nonces.client} ${nonces.host}`)
    .digest('hex');
}

/** Compares two proofs in a time that does not depend on where they differ. */
export function isSameProof(expected: string, actual: string): boolean {
  return timingSafeEqual(Buffer.from(expected, 'hex'), Buffer.from(actual, 'hex'));
}

/**
 * Reads the token file, making it first where it is missing. Several processes may call this at once: the file appears
 * whole or not at all, and all of them read the same one. Refuses a file that others can read.
 */
export async function loadOrCreateToken(file: string): Promise<Buffer> {
  const existing = readToken(file);
  if (existing) return existing;
  const temporary = path.join(path.dirname(file), `.token-${randomBytes(6).toString('hex')}`);
  await fs.promises.writeFile(temporary, randomBytes(tokenBytes), { flag: 'wx', mode: 0o600, flush: true });
  try {
    await fs.promises.link(temporary, file);
  } catch (error) {
    // Another process was first; its token is the one.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await fs.promises.rm(temporary, { force: true });
  }
  const token = readToken(file);
  if (!token) throw new Error(`The token file ${nameOf(file)} vanished while it was being read; try again.`);
  return token;
}

/** The token, or undefined where there is none. Throws where the file is damaged or others can read it. */
export function readToken(file: string): Buffer | undefined {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const stat = fs.fstatSync(descriptor);
    const isPrivate = process.platform === 'win32' || ((stat.mode & 0o077) === 0 && stat.uid === process.getuid?.());
    if (!isPrivate) {
      throw new Error(`The token file ${nameOf(file)} is not private to this user; delete it, and a new one is made.`);
    }
    const token = Buffer.alloc(tokenBytes);
    if (stat.size !== tokenBytes || fs.readSync(descriptor, token) !== tokenBytes) {
      throw new Error(
        `The token file ${nameOf(file)} is damaged: it must have ${tokenBytes} bytes. Delete it, and a new one is made.`,
      );
    }
    return token;
  } finally {
    fs.closeSync(descriptor);
  }
}

/** The file as it is named to a person: where it stands in the data folder, without the data folder's own path. */
function nameOf(file: string): string {
  return `${path.basename(path.dirname(file))}/${path.basename(file)}`;
}
