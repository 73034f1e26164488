/**
 * Names a folder as a person of this workspace would: nothing for the workspace's own folder, the way from there for
 * one inside it, and the whole path for any other.
 */
export function folderText(folder: string, workspaceFolder: string | null): string | null {
  if (workspaceFolder === null) return folder;
  const root = withoutLastSlash(workspaceFolder);
  const path = withoutLastSlash(folder);
  if (path === root) return null;
  const isInside = path.startsWith(root) && (isSlash(path.charAt(root.length)) || isSlash(root.slice(-1)));
  return isInside ? path.slice(root.length).replace(/^[/\\]/, '') : path;
}

function withoutLastSlash(path: string): string {
  return path.length > 1 && isSlash(path.slice(-1)) ? path.slice(0, -1) : path;
}

function isSlash(character: string): boolean {
  return character === '/' || character === '\\';
}
