import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { nodeFileSystem, writeFully, type FileSystem } from './fileSystem.ts';

/**
 * Writes `content` to `file`, readable by its owner alone, such that a crash at any instant leaves either the old file
 * or the new one, whole: a temporary file in the same folder, fdatasync, rename, fsync of the folder. `claim` is called
 * once the content is safe beside `file` and before it takes its place; where it rejects, `file` stays as it was.
 */
export async function writeFileAtomic(
  file: string,
  content: string | Uint8Array,
  fileSystem: FileSystem = nodeFileSystem,
  claim?: () => Promise<void>,
): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await fileSystem.open(temporary, 'createNew');
  try {
    try {
      await writeFully(handle, typeof content === 'string' ? Buffer.from(content) : content, 0);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await claim?.();
    await fileSystem.rename(temporary, file);
  } catch (error) {
    // The first error is the one to report; a temporary file that stays behind harms nobody.
    await fileSystem.remove(temporary).catch((removeError: unknown) => {
      if (error instanceof Error && error.cause === undefined) error.cause = removeError;
    });
    throw error;
  }
  await fileSystem.syncFolder(path.dirname(file));
}
