import { accessSync, constants } from 'node:fs';
import * as path from 'node:path';
import { canInstallPackages, installPackages } from './debianPackages.ts';

/** The programs that terminals are tested with, each with Debian's package. */
const packageOf: Readonly<Record<string, string>> = {
  fish: 'fish',
  htop: 'htop',
  less: 'less',
  python3: 'python3',
  tmux: 'tmux',
  vim: 'vim',
  zsh: 'zsh',
};

/**
 * Installs Debian's where we may, and tells in one line which programs are there. One that is missing is no failure:
 * the tests that need it are skipped, and say so.
 */
export async function ensureTerminalPrograms(report: (line: string) => void): Promise<string> {
  if (missingPrograms().length > 0 && canInstallPackages()) {
    const packages = missingPrograms().map((name) => packageOf[name] ?? name);
    const isDone = (): boolean => missingPrograms().length === 0;
    await installPackages({ packages, isDone, report }).catch((error: unknown) => report(String(error)));
  }
  const missing = missingPrograms();
  return missing.length === 0
    ? Object.keys(packageOf).join(', ')
    : `without ${missing.join(', ')}: what is tested with them is skipped`;
}

function missingPrograms(): string[] {
  return Object.keys(packageOf).filter((name) => !isInPath(name));
}

/** Whether a program of this name can be run. */
export function isInPath(name: string): boolean {
  // None of them has a Windows edition of that name, so nothing is looked up by extension.
  return (process.env['PATH'] ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false; // Not there, or not for us: the next folder is looked at.
    }
  });
}
