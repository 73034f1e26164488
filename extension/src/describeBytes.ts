import * as vscode from 'vscode';

/** A size for the person: `512 bytes`, `12 kB`, `3.4 MB`. */
export function describeBytes(bytes: number): string {
  if (bytes < 1_000) return vscode.l10n.t('{0} bytes', bytes);
  return bytes < 1_000_000
    ? vscode.l10n.t('{0} kB', Math.round(bytes / 1_000))
    : vscode.l10n.t('{0} MB', (bytes / 1_000_000).toFixed(1));
}
