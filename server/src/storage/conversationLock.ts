import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { errorCode, writeFully, type FileSystem } from '../base/fileSystem.ts';
import type { ProcessIdentity, ProcessTable } from '../base/processTable.ts';
import type { ReleasedClaims } from './releasedClaims.ts';

/**
 * Who may write to a conversation is said by a claim: a file beside the journal whose name carries the claimant's
 * process. Every claim has a name that is never used again, so removing a dead one can never remove a live one.
 * A claimant first makes its claim and then looks for others: of two that come at the same moment at least one sees the
 * other, so there are never two holders.
 */
interface Claim {
  readonly fileName: string;
  readonly holder: ProcessIdentity;
}

/** The right to write to one conversation. */
export interface ConversationLock {
  readonly holder: ProcessIdentity;
  /** False once somebody has taken the claim away, taking this process for dead. Rejects with what the disk said. */
  isHeld(): Promise<boolean>;
  /** Never rejects. */
  release(): Promise<void>;
}

const contestLimit = 50;
const contestPauseMs = 20;
const claimPattern = /^(\d{1,10})-([\dA-Za-z]*)-[\da-f]{12}$/;
const claimInfix = '.lock-';

interface System {
  readonly fileSystem: FileSystem;
  readonly processes: ProcessTable;
  /** Takes what this process gives back. */
  readonly released: ReleasedClaims;
}

/** Takes the lock, or answers undefined while a live process holds it. Claims of dead processes are cleared away. */
export async function acquireLock(
  folder: string,
  conversationId: string,
  system: System,
): Promise<ConversationLock | undefined> {
  const { fileSystem, released } = system;
  const place = { folder, conversationId };
  // Looking first spares the disk a file for the usual refusal.
  if ((await claimsOfOthers(place, undefined, system)).live.length > 0) return undefined;
  const self = await system.processes.self();
  const own = `${conversationId}${claimInfix}${self.pid}-${self.startedAt}-${randomBytes(6).toString('hex')}`;
  const claimPath = path.join(folder, own);
  const release = (): Promise<void> => released.remove(claimPath);
  await createClaim(claimPath, self, system);
  try {
    if (await winsContest(place, own, system))
      return { holder: self, isHeld: () => isThere(claimPath, fileSystem), release };
  } catch (error) {
    await release();
    throw error;
  }
  await release();
  return undefined;
}

/**
 * Of several that came at once the one whose name sorts first waits for the others to give way; a holder never gives
 * way, so against a holder the wait ends at its limit of one second.
 */
async function winsContest(place: Place, own: string, system: System): Promise<boolean> {
  for (let attempt = 0; attempt < contestLimit; attempt += 1) {
    const others = await claimsOfOthers(place, own, system);
    if (others.live.length === 0) {
      // Their holders may only be stopped: without its claim none of them gets anything acknowledged any more.
      for (const claim of others.dead) await removeIfThere(path.join(place.folder, claim), system.fileSystem);
      return true;
    }
    if (others.live.some((fileName) => fileName < own)) return false;
    await new Promise((resolve) => setTimeout(resolve, contestPauseMs));
  }
  return false;
}

/** The names, of those of a folder, by which live processes claim the conversation. */
export async function liveClaims(
  { folder, conversationId }: Place,
  fileNames: readonly string[],
  { processes, released }: Pick<System, 'processes' | 'released'>,
): Promise<string[]> {
  const live: string[] = [];
  for (const { fileName, holder } of claimsIn(fileNames, conversationId)) {
    if (released.has(path.join(folder, fileName))) continue;
    if (await processes.isAlive(holder)) live.push(fileName);
  }
  return live;
}

interface Place {
  readonly folder: string;
  readonly conversationId: string;
}

async function claimsOfOthers(
  place: Place,
  own: string | undefined,
  { fileSystem, processes, released }: System,
): Promise<{ live: string[]; dead: string[] }> {
  const live: string[] = [];
  const dead: string[] = [];
  for (const { fileName, holder } of claimsIn(await fileSystem.list(place.folder), place.conversationId)) {
    if (fileName === own || released.has(path.join(place.folder, fileName))) continue;
    if (await processes.isAlive(holder)) live.push(fileName);
    else dead.push(fileName);
  }
  return { live, dead };
}

function claimsIn(fileNames: readonly string[], conversationId: string): Claim[] {
  const start = `${conversationId}${claimInfix}`;
  return fileNames.flatMap((fileName) => {
    const match = fileName.startsWith(start) ? claimPattern.exec(fileName.slice(start.length)) : null;
    return match === null ? [] : [{ fileName, holder: { pid: Number(match[1]), startedAt: match[2] ?? '' } }];
  });
}

async function createClaim(file: string, self: ProcessIdentity, { fileSystem, released }: System): Promise<void> {
  const handle = await fileSystem.open(file, 'createNew');
  try {
    try {
      // For a person who wonders about the file; the program reads only the name.
      await writeFully(handle, Buffer.from(`${JSON.stringify(self)}\n`), 0);
    } finally {
      await handle.close();
    }
  } catch (error) {
    await released.remove(file);
    throw error;
  }
}

async function isThere(file: string, fileSystem: FileSystem): Promise<boolean> {
  try {
    await fileSystem.stat(file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

async function removeIfThere(file: string, fileSystem: FileSystem): Promise<void> {
  try {
    await fileSystem.remove(file);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
