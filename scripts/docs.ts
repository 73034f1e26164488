import * as fs from 'node:fs/promises';
import { runTask } from './command.ts';
import { diagramPage, renderDiagramPage } from './dependencyDiagram.ts';

/** Writes the generated parts of the documentation anew. */
async function main(): Promise<number> {
  const { file, current, expected } = await renderDiagramPage();
  if (current !== expected) await fs.writeFile(file, expected);
  console.log(`${diagramPage}: ${current === expected ? 'unchanged' : 'written'}`);
  return 0;
}

if (import.meta.main) await runTask(main);
