import * as path from 'node:path';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { conversationOf, journalSuffix } from '../journalFormat.ts';
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

/** What was found, and what the disk did not let anybody look at: that may be there as before. */
export interface FoundJournals {
  readonly journals: readonly FoundJournal[];
  mayBeThere(name: JournalName): boolean;
}

/** Every journal below `root`, in all its workspaces. What cannot be looked at is logged. */
export async function findJournals(root: string, around: Surroundings): Promise<FoundJournals> {
  const journals: FoundJournal[] = [];
  const unseenFolders = new Set<string>();
  const unseenFiles = new Set<string>();
  const workspaces = await namesIn(root, around);
  for (const workspace of workspaces ?? []) {
    const folder = path.join(root, workspace);
    const names = await namesIn(folder, around);
    if (names === undefined) unseenFolders.add(workspace);
    const fileNames = (names ?? []).filter((name) => conversationOf(name) !== undefined);
    for (let start = 0; start < fileNames.length; start += statsAtOnce) {
      const group = fileNames.slice(start, start + statsAtOnce);
      const found = await Promise.all(group.map((fileName) => findJournal({ root, workspace, fileName }, around)));
      for (const [index, journal] of found.entries()) {
        if (journal === 'unseen') unseenFiles.add(path.join(workspace, group[index] ?? ''));
        else if (journal !== 'missing') journals.push(journal);
      }
    }
  }
  const mayBeThere = ({ workspace, conversationId }: JournalName): boolean =>
    workspaces === undefined ||
    unseenFolders.has(workspace) ||
    unseenFiles.has(path.join(workspace, `${conversationId}${journalSuffix}`));
  return { journals, mayBeThere };
}

/** One journal; `unseen` where the disk does not say whether it is there. */
export async function findJournal(
  { root, workspace, fileName }: { readonly root: string; readonly workspace: string; readonly fileName: string },
  { fileSystem, logger }: Surroundings,
): Promise<FoundJournal | 'missing' | 'unseen'> {
  const conversationId = conversationOf(fileName);
  if (conversationId === undefined) return 'missing';
  const file = path.join(root, workspace, fileName);
  try {
    const { kind, sizeBytes, modifiedAt } = await fileSystem.stat(file);
    return kind === 'file' ? { workspace, conversationId, path: file, fileName, sizeBytes, modifiedAt } : 'missing';
  } catch (error) {
    if (isNone(error)) return 'missing';
    logger.warn('A journal was not looked at for the index', { fileName, error });
    return 'unseen';
  }
}

/** Undefined where the disk does not give them. */
async function namesIn(folder: string, { fileSystem, logger }: Surroundings): Promise<readonly string[] | undefined> {
  try {
    return await fileSystem.list(folder);
  } catch (error) {
    if (isNone(error)) return [];
    logger.warn('A folder of conversations was not looked at for the index', { folder, error });
    return undefined;
  }
}

function isNone(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
}
