import * as fs from 'node:fs/promises';
import { writeApiDocuments } from './apiReference.ts';
import { runTask } from './command.ts';
import { bundleFile, writeStringBundle } from './l10n.ts';
import { diagramPage, renderDiagramPage } from './dependencyDiagram.ts';

/** Writes what is generated from the sources anew: the diagram of the architecture, the strings to
 * translate, and the reference of the API. */
async function main(): Promise<number> {
  const { file, current, expected } = await renderDiagramPage();
  if (current !== expected) await fs.writeFile(file, expected);
  console.log(`${diagramPage}: ${current === expected ? 'unchanged' : 'written'}`);
  console.log(`${bundleFile}: ${(await writeStringBundle()) ? 'written' : 'unchanged'}`);
  const written = await writeApiDocuments();
  console.log(`API reference: ${written.length === 0 ? 'unchanged' : `written (${written.join(', ')})`}`);
  return 0;
}

if (import.meta.main) await runTask(main);
