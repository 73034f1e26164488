import * as path from 'node:path';
import { build } from 'esbuild';
import { projectFolder, testOutputFolder } from '../../scripts/project.ts';

const built = new Map<string, Promise<string>>();

/** Bundles a program of `test/fixtures/performance` as our server is bundled, so that both load one file, and gives that file. */
export function peerProgram(name: string): Promise<string> {
  const known = built.get(name) ?? bundle(name);
  built.set(name, known);
  return known;
}

async function bundle(name: string): Promise<string> {
  const outfile = path.join(testOutputFolder, 'performance', `${name}.js`);
  const entry = path.join(projectFolder, 'test', 'fixtures', 'performance', `${name}.ts`);
  const external = ['node-pty'];
  await build({ entryPoints: [entry], outfile, bundle: true, minify: true, platform: 'node', format: 'cjs', external });
  return outfile;
}
