import * as path from 'node:path';
import { errorCode, type FileSystem } from './fileSystem.ts';

/** Makes `folder` and every missing folder above it, each of them durable. */
export async function ensureFolder(folder: string, fileSystem: FileSystem): Promise<void> {
  try {
    await fileSystem.createFolder(folder);
  } catch (error) {
    // Another process may have made it in this very moment.
    if (errorCode(error) === 'EEXIST') return;
    const parent = path.dirname(folder);
    if (errorCode(error) !== 'ENOENT' || parent === folder) throw error;
    await ensureFolder(parent, fileSystem);
    await ensureFolder(folder, fileSystem);
    return;
  }
  await fileSystem.syncFolder(path.dirname(folder));
}

/** Whether there is anything of that name. Rejects where that cannot be found out. */
export async function exists(file: string, fileSystem: FileSystem): Promise<boolean> {
  try {
    await fileSystem.stat(file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** The names in a folder; none where there is no such folder. */
export async function namesIn(folder: string, fileSystem: FileSystem): Promise<readonly string[]> {
  try {
    return await fileSystem.list(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Removes a file, a link, or a folder with all that is in it. What a link leads to stays. Nothing there is fine. */
export async function removeTree(target: string, fileSystem: FileSystem): Promise<void> {
  try {
    // First as a file: a link to a folder would else be taken for that folder.
    await fileSystem.remove(target);
    return;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return;
    // What systems say of a folder: Linux, then macOS and Windows.
    if (code !== 'EISDIR' && code !== 'EPERM') throw error;
  }
  for (const name of await fileSystem.list(target)) await removeTree(path.join(target, name), fileSystem);
  await fileSystem.removeFolder(target);
}
