import * as path from 'node:path';

/** Begins the name of a server: Windows would sign in there with the person's account before anything is opened. */
const server = /^[\\/]{2}/;

/**
 * The file that a view asks for, where paths that are not absolute belong to the first folder. Undefined where it is on a server
 * and in none of the folders: a link, or a path that a model made up, must not lead there.
 */
export function openedFile(file: string, folders: readonly string[]): string | undefined {
  if (server.test(file) && !folders.some((folder) => isWithin(folder, file))) return undefined;
  return path.isAbsolute(file) ? file : path.join(folders[0] ?? '', file);
}

function isWithin(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
