import { globSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { getL10nJson } from '@vscode/l10n-dev';
import { englishStrings } from '../webview-ui/src/strings.ts';
import { projectFolder } from './project.ts';

/** The file that translators start from, relative to the repository. */
export const bundleFile = 'extension/l10n/bundle.l10n.json';

/** Strings of the views stand beside those of the extension, with this before their keys. */
const viewPrefix = 'view.';

/** The text of the bundle as the sources of extension and views ask for it, in a fixed order. */
export async function renderStringBundle(): Promise<string> {
  const files = globSync('extension/src/**/*.ts', { cwd: projectFolder });
  const sources = await Promise.all(
    files.map(async (file) => ({
      extension: '.ts' as const,
      contents: await fs.readFile(path.join(projectFolder, file), 'utf8'),
    })),
  );
  const ofViews = Object.entries(englishStrings).map(([key, text]) => [viewPrefix + key, text] as const);
  const entries = [...Object.entries(await getL10nJson(sources)), ...ofViews];
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
}

/** Writes the bundle anew, and says whether it was stale. */
export async function writeStringBundle(): Promise<boolean> {
  const file = path.join(projectFolder, bundleFile);
  const expected = await renderStringBundle();
  const current = await fs.readFile(file, 'utf8').catch(() => '');
  await fs.mkdir(path.dirname(file), { recursive: true });
  if (current !== expected) await fs.writeFile(file, expected);
  return current !== expected;
}
