import * as path from 'node:path';
import { build } from 'esbuild';

/** Bundles a program of this folder to one file in `folder`: as such it starts in a quarter of the time. */
export async function bundleProgram(name: string, folder: string): Promise<string> {
  const outfile = path.join(folder, `${name}.mjs`);
  const entry = path.join(import.meta.dirname, `${name}.ts`);
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
  return outfile;
}
