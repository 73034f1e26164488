import { lstat, realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { errorCode } from '../base/fileSystem.ts';

/** Linux's PATH_MAX. */
const maxPathBytes = 4_096;
const pseudoFileSystems = ['/proc', '/sys', '/dev'];

/** Where a name leads, or one clause saying why it may not be followed. */
export type ResolvedPath = { readonly path: string; readonly exists: boolean } | { readonly refusal: string };

/**
 * The real path that `asked` leads to from `cwd`, every link followed. The last parts may be missing, so that a file
 * that is not there is answered as such. A real path is what must be judged and opened: between two looks a link can
 * change, a real path has none.
 */
export async function resolveRealPath(asked: string, cwd: string): Promise<ResolvedPath> {
  const refusal = malformed(asked);
  if (refusal !== undefined) return { refusal };
  const absolute = path.resolve(cwd, asked);
  const missing: string[] = [];
  let existing = absolute;
  for (;;) {
    try {
      return { path: path.join(await realpath(existing), ...missing), exists: missing.length === 0 };
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') return { refusal: refusalOf(code) };
      // Something is there but leads nowhere: a link whose target could appear anywhere later.
      if (await isThere(existing)) return { refusal: 'it is a link that leads nowhere' };
    }
    const parent = path.dirname(existing);
    if (parent === existing) return { refusal: 'no part of it exists' };
    missing.unshift(path.basename(existing));
    existing = parent;
  }
}

/** Whether `realPath` is one of `realFolders` or lies in one. Case does not count where the platform folds it. */
export function isInside(
  realPath: string,
  realFolders: readonly string[],
  platform: NodeJS.Platform = process.platform,
): boolean {
  const flavour = platform === 'win32' ? path.win32 : path.posix;
  const inner = fold(realPath, platform);
  return realFolders.some((folder) => {
    const outer = fold(folder, platform);
    const root = outer.endsWith(flavour.sep) ? outer : outer + flavour.sep;
    if (inner !== outer && !inner.startsWith(root)) return false;
    // With `/` as the folder everything is inside, but what the kernel makes up is no part of anybody's work.
    return !pseudoFileSystems.some((pseudo) => isAtOrBelow(inner, pseudo) && !isAtOrBelow(outer, pseudo));
  });
}

function isAtOrBelow(inner: string, folder: string): boolean {
  return inner === folder || inner.startsWith(`${folder}/`);
}

function fold(realPath: string, platform: NodeJS.Platform): string {
  if (platform === 'win32') return realPath.toLowerCase();
  return platform === 'darwin' ? realPath.normalize('NFC').toLowerCase() : realPath;
}

function malformed(asked: string): string | undefined {
  if (asked === '') return 'the path is empty';
  if (asked.includes('\0')) return 'the path holds a NUL character';
  if (Buffer.byteLength(asked) > maxPathBytes) return `the path is longer than ${maxPathBytes} bytes`;
  // `\\server\share` sends credentials to a stranger; `\\?\` and `\\.\` switch Windows' own checks off.
  if (/^(?:\\\\|\\\/|\/\\)/.test(asked) || (process.platform === 'win32' && asked.startsWith('//'))) {
    return 'network and device paths are not followed';
  }
  if (process.platform === 'win32') {
    if (asked.replace(/^[A-Za-z]:/, '').includes(':')) return 'alternate data streams are not read';
    if (/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(path.win32.basename(asked))) return 'it names a device';
  }
  return undefined;
}

async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    // What cannot even be looked at counts as there: the caller then refuses.
    return true;
  }
}

function refusalOf(code: string | undefined): string {
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not reach it';
  if (code === 'ELOOP') return 'its links lead in a circle';
  if (code === 'ENAMETOOLONG') return 'a part of its name is too long';
  return `it cannot be reached (${code ?? 'unknown error'})`;
}
