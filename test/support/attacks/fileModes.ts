import * as fs from 'node:fs/promises';
import * as path from 'node:path';

const othersBits = 0o077;

/**
 * What of a folder, itself included, others than its owner may read, write or run, by the path below it. Links count by
 * what they point to only where that lies below the folder too. Nothing on Windows, which has no such modes.
 */
export async function openToOthers(folder: string): Promise<string[]> {
  if (process.platform === 'win32') return [];
  const names = ['.', ...(await fs.readdir(folder, { recursive: true }))];
  const found = await Promise.all(
    names.map(async (name) => {
      const stats = await fs.lstat(path.join(folder, name)).catch(ignoreGone);
      const isPrivate = stats === undefined || stats.isSymbolicLink() || (stats.mode & othersBits) === 0;
      return isPrivate ? [] : [`${name} ${(stats.mode & 0o777).toString(8).padStart(4, '0')}`];
    }),
  );
  return found.flat();
}

/** Files of a server that runs come and go. */
function ignoreGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
