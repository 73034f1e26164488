import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import * as path from 'node:path';

const maxNameChars = 40;
const hashChars = 16;

/** The real paths of `folders`, sorted, each once. A folder that is not there keeps the path it was given. */
export async function realFolders(folders: readonly string[]): Promise<string[]> {
  const real = await Promise.all(folders.map((folder) => realpath(folder).catch(() => path.resolve(folder))));
  return [...new Set(real)].sort();
}

/**
 * The name of the folder in which a workspace's conversations stand: something readable, and a hash of the sorted real
 * folder paths, so that the same workspace is found however it was opened and in whatever order its folders come.
 */
export function workspaceKey(sortedRealFolders: readonly string[]): string {
  const first = sortedRealFolders[0];
  const name = first === undefined ? 'no-folder' : path.basename(first).replace(/[^\p{L}\p{N}._-]+/gu, '-');
  const readable = name
    .replace(/^[.-]+/, '')
    .slice(0, maxNameChars)
    .replace(/[\uD800-\uDBFF]$/, '');
  const hash = createHash('sha256').update(sortedRealFolders.join('\0')).digest('hex').slice(0, hashChars);
  return `${readable === '' ? 'folder' : readable}-${hash}`;
}
