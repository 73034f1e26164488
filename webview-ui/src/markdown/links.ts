/** Where a link in an answer may lead: to the web, or to a file of the workspace. Anything else is no link. */
export type LinkTarget =
  | { readonly kind: 'web'; readonly url: string }
  | { readonly kind: 'file'; readonly path: string; readonly line: number | null };

const scheme = /^[a-z][a-z0-9+.-]*:/i;
const windowsDrive = /^[a-z]:[\\/]/i;
/** Ends of file links: `#L10`, `#10`, `:10`, `:10:4`. */
const lineSuffix = /(?:#L?(\d+)(?:-L?\d+)?|:(\d+)(?::\d+)?)$/;
// eslint-disable-next-line no-control-regex -- control characters in a path are what this looks for
const unsafeInPath = /[\u0000-\u001f\u007f<>|"*?]/;
/** Two slashes name a server, be it of the web or a Windows share. */
const server = /^[\\/]{2}/;

/** Reads the target of a Markdown link; null where it must not be opened. */
export function readLinkTarget(href: string): LinkTarget | null {
  const trimmed = href.trim();
  if (scheme.test(trimmed) && !windowsDrive.test(trimmed) && !looksLikeFileWithLine(trimmed)) return readWeb(trimmed);
  if (trimmed === '' || trimmed.startsWith('#')) return null;
  return readFile(trimmed);
}

/** Reads `src/main.ts:10` in inline code as a file; null for anything that is not plainly a path with an extension. */
export function readCodePath(code: string): LinkTarget | null {
  if (code.length > 300 || !/^[\w@.~/\\-]+\.\w{1,8}(?::\d+){0,2}$/.test(code)) return null;
  if (!/[/\\]/.test(code)) return null;
  return readFile(code);
}

function readWeb(href: string): LinkTarget | null {
  if (!/^https?:\/\//i.test(href) || !URL.canParse(href)) return null;
  return { kind: 'web', url: new URL(href).href };
}

function looksLikeFileWithLine(href: string): boolean {
  return /^[\w.-]+\.\w{1,8}:\d+(?::\d+)?$/.test(href);
}

function readFile(href: string): LinkTarget | null {
  const match = lineSuffix.exec(href);
  const encodedPath = (match === null ? href : href.slice(0, match.index)).split('#')[0] ?? '';
  const path = decodePath(encodedPath);
  // Only what was decoded is what will be opened.
  if (path === '' || unsafeInPath.test(path) || server.test(path)) return null;
  const digits = match?.[1] ?? match?.[2];
  const line = digits === undefined ? null : Number(digits);
  return { kind: 'file', path, line: line !== null && line > 0 && Number.isSafeInteger(line) ? line : null };
}

function decodePath(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // A lone per cent sign is a legal part of a file name.
    return encoded;
  }
}
