import * as path from 'node:path';

/** As Terminal.app does: on macOS PATH is built by the files that only a login shell reads. */
export function loginArguments(file: string, platform: NodeJS.Platform): string[] {
  return platform === 'darwin' && /^(?:bash|zsh|fish|sh|ksh|tcsh|csh)$/.test(path.basename(file)) ? ['-l'] : [];
}
