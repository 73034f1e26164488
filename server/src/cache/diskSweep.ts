import type { FileSystem } from '../base/fileSystem.ts';
import { ifThere, listFiles, type CacheFile } from './diskFiles.ts';

/** A temporary file older than this was left by a write that never ended. */
const temporaryForMs = 3_600_000;
/** After a sweep there is room for some more, so that not every write begins one. */
const fillTo = 0.9;
/** What is put aside for a person to look at is bounded too: the oldest goes first. */
const maxQuarantined = 64;
const quarantineShare = 1 / 8;

export interface SweepOptions {
  readonly fileSystem: FileSystem;
  readonly folder: string;
  /** What entries and content may take together, in bytes. */
  readonly maxBytes: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Removes the files that were written longest ago until the rest takes no more than it may, and answers how many bytes
 * that is. Content is older than the records that name it, so what is left over of an entry goes soon after.
 */
export async function sweep({ fileSystem, folder, maxBytes, now }: SweepOptions): Promise<number> {
  const files = (await listFiles(fileSystem, folder)).sort((one, other) => one.modifiedAt - other.modifiedAt);
  const quarantined = files.filter(({ kind }) => kind === 'quarantined');
  const abandoned = files.filter(({ kind, modifiedAt }) => kind === 'temporary' && modifiedAt < now - temporaryForMs);
  const kept = files.filter(({ kind }) => kind === 'entries' || kind === 'content');
  const usedBytes = sumOf(kept);
  const surplusBytes = usedBytes > maxBytes ? usedBytes - maxBytes * fillTo : 0;
  const removed = oldestUpTo(kept, surplusBytes);
  const surplusQuarantine = Math.max(0, sumOf(quarantined) - maxBytes * quarantineShare);
  const forgotten = [
    ...quarantined.slice(0, Math.max(0, quarantined.length - maxQuarantined)),
    ...oldestUpTo(quarantined, surplusQuarantine),
  ];
  for (const file of new Set([...abandoned, ...removed, ...forgotten])) await ifThere(fileSystem.remove(file.path));
  return usedBytes - sumOf(removed);
}

/** As many of the first files as it takes to free `bytes`. */
function oldestUpTo(files: readonly CacheFile[], bytes: number): CacheFile[] {
  const chosen: CacheFile[] = [];
  let freed = 0;
  for (const file of files) {
    if (freed >= bytes) break;
    chosen.push(file);
    freed += file.takenBytes;
  }
  return chosen;
}

function sumOf(files: readonly CacheFile[]): number {
  return files.reduce((sum, { takenBytes }) => sum + takenBytes, 0);
}
