import { accessSync, constants, existsSync } from 'node:fs';
import * as path from 'node:path';
import { chromium } from 'playwright-core';
import { canInstallPackages, installPackages } from '../debianPackages.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const usualPlaces: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  win32: ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((variable) => {
    const base = process.env[variable];
    return base ? [path.join(base, 'Google', 'Chrome', 'Application', 'chrome.exe')] : [];
  }),
};

/** The executable of an installed Chromium or Chrome, or undefined. */
export function findChromium(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    for (const name of names) {
      const file = path.join(folder, name);
      if (isExecutable(file)) return file;
    }
  }
  const usual = (usualPlaces[process.platform] ?? []).find((place) => existsSync(place));
  if (usual) return usual;
  const own = chromium.executablePath();
  return own && existsSync(own) ? own : undefined;
}

/**
 * The executable of a Chromium to test with. Installs Debian's where we may (root on a Debian or Ubuntu); elsewhere the
 * error says in one line how to get one.
 */
export async function ensureChromium(report: (line: string) => void): Promise<string> {
  const found = findChromium();
  if (found) return found;
  if (!canInstallPackages()) {
    throw new Error('No Chromium or Chrome was found: install one, or run "npx playwright-core install chromium".');
  }
  const packages = ['chromium', 'fonts-liberation'];
  await installPackages({ packages, isDone: () => findChromium() !== undefined, report });
  const installed = findChromium();
  if (installed) return installed;
  throw new Error('apt-get installed Chromium, but no "chromium" is on the PATH: install Google Chrome by hand.');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not for us: the next place is looked at.
  }
}
