import { globSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { getL10nJson } from '@vscode/l10n-dev';
import { englishStrings } from '../webview-ui/src/strings.ts';
import { runTask } from './command.ts';
import { projectFolder } from './project.ts';

/** The file that translators start from, relative to the repository. */
export const bundleFile = 'l10n/bundle.l10n.json';

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

/** Writes the bundle anew. */
async function main(): Promise<number> {
  const file = path.join(projectFolder, bundleFile);
  await fs.mkdir(path.dirname(file), { recursive: true });
  await fs.writeFile(file, await renderStringBundle());
  console.log(`${bundleFile}: written`);
  return 0;
}

if (import.meta.main) await runTask(main);
