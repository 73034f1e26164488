import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { buildProduct, printSizes } from './build.ts';
import { runTask } from './command.ts';
import { formatBytes, projectFolder } from './project.ts';
import { hostTarget, packVsix, vsixTargets } from './vsix.ts';

const usage = `Usage: npm run package [-- --target TARGET]

Builds the extension for shipping and packs it for one platform into dist/.
  --target TARGET  ${vsixTargets.join(', ')}; this machine's when left out`;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { target: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const target = values.target === undefined ? hostTarget() : vsixTargets.find((name) => name === values.target);
  if (!target) throw new Error(`There is no target "${values.target ?? ''}".\n${usage}`);
  printSizes(await buildProduct({ minify: true }));
  const file = await packVsix(target);
  console.log(`Packed ${path.relative(projectFolder, file)}, ${formatBytes((await fs.stat(file)).size)}.`);
  return 0;
}

if (import.meta.main) await runTask(main);
