import * as fs from 'node:fs/promises';
import { runTask } from './command.ts';
import { bundleFile, writeStringBundle } from './l10n.ts';
import { diagramPage, renderDiagramPage } from './dependencyDiagram.ts';

/** Writes what is generated from the sources anew: the diagram of the architecture, and the strings to translate. */
async function main(): Promise<number> {
  const { file, current, expected } = await renderDiagramPage();
  if (current !== expected) await fs.writeFile(file, expected);
  console.log(`${diagramPage}: ${current === expected ? 'unchanged' : 'written'}`);
  console.log(`${bundleFile}: ${(await writeStringBundle()) ? 'written' : 'unchanged'}`);
  return 0;
}

if (import.meta.main) await runTask(main);
