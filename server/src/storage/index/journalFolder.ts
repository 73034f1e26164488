import * as path from 'node:path';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { conversationOf } from '../journalFormat.ts';
import type { JournalName } from './indexDatabase.ts';

const statsAtOnce = 64;

/** A journal as it stands on the disk now. */
export interface FoundJournal extends JournalName {
  readonly path: string;
  readonly fileName: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

interface Surroundings {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
}

/** Every journal below `root`, in all its workspaces. What cannot be looked at is left out and logged. */
export async function findJournals(root: string, around: Surroundings): Promise<FoundJournal[]> {
  const found: FoundJournal[] = [];
  for (const workspace of await namesIn(root, around)) {
    const folder = path.join(root, workspace);
    const fileNames = (await namesIn(folder, around)).filter((name) => conversationOf(name) !== undefined);
    for (let start = 0; start < fileNames.length; start += statsAtOnce) {
      const group = fileNames.slice(start, start + statsAtOnce);
      const journals = await Promise.all(group.map((fileName) => findJournal({ root, workspace, fileName }, around)));
      for (const journal of journals) if (journal !== undefined) found.push(journal);
    }
  }
  return found;
}

/** One journal; undefined if it is not there, or cannot be looked at. */
export async function findJournal(
  { root, workspace, fileName }: { readonly root: string; readonly workspace: string; readonly fileName: string },
  { fileSystem, logger }: Surroundings,
): Promise<FoundJournal | undefined> {
  const conversationId = conversationOf(fileName);
  if (conversationId === undefined) return undefined;
  const file = path.join(root, workspace, fileName);
  try {
    const { kind, sizeBytes, modifiedAt } = await fileSystem.stat(file);
    return kind === 'file' ? { workspace, conversationId, path: file, fileName, sizeBytes, modifiedAt } : undefined;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') logger.warn('A journal was not looked at for the index', { fileName, error });
    return undefined;
  }
}

async function namesIn(folder: string, { fileSystem, logger }: Surroundings): Promise<readonly string[]> {
  try {
    return await fileSystem.list(folder);
  } catch (error) {
    const isNone = ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
    if (!isNone) logger.warn('A folder of conversations was not looked at for the index', { folder, error });
    return [];
  }
}
