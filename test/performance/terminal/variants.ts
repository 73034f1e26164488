import * as fs from 'node:fs';
import * as path from 'node:path';
import { build, type Plugin } from 'esbuild';
import { listBundles } from '../../../scripts/bundles.ts';
import { distFolder, projectFolder, testOutputFolder } from '../../../scripts/project.ts';

/** Other values for the constants that bound what is under way between a terminal and its viewer, in bytes. */
export interface FlowSettings {
  readonly windowBytes: number;
  readonly high: number;
  readonly low: number;
}

/** Where the constants stand, and how; the build of a variant fails when one is not found there. */
const places: readonly {
  readonly file: string;
  readonly pattern: RegExp;
  readonly text: (s: FlowSettings) => string;
}[] = [
  {
    file: 'server/src/terminals/terminalViewers.ts',
    pattern: /const windowBytes = [\d_]+;/,
    text: ({ windowBytes }) => `const windowBytes = ${windowBytes};`,
  },
  {
    file: 'server/src/ptyHost/outputFlow.ts',
    pattern: /flowMarks = \{ high: [\d_]+, low: [\d_]+ \}/,
    text: ({ high, low }) => `flowMarks = { high: ${high}, low: ${low} }`,
  },
];

/** Builds server and pty host with `settings` in place of their own constants; gives the path of the server. */
export async function buildVariant(name: string, settings: FlowSettings): Promise<string> {
  const root = path.join(testOutputFolder, 'performance', name);
  const folder = path.join(root, 'dist');
  fs.rmSync(root, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(projectFolder, 'package.json'), path.join(root, 'package.json'));
  fs.symlinkSync(path.join(projectFolder, 'node_modules'), path.join(root, 'node_modules'), 'dir');
  fs.copyFileSync(path.join(distFolder, 'ptyExec'), path.join(folder, 'ptyExec'));
  const replaced = new Set<string>();
  for (const bundle of listBundles().filter(({ entry }) => entry.startsWith('server/'))) {
    await build({
      ...bundle.options,
      absWorkingDir: projectFolder,
      entryPoints: [bundle.entry],
      outfile: path.join(folder, `${bundle.name}.js`),
      bundle: true,
      minify: true,
      plugins: [...(bundle.options.plugins ?? []), replaceConstants(settings, replaced)],
      logLevel: 'warning',
    });
  }
  const missing = places.filter(({ file }) => !replaced.has(file)).map(({ file }) => file);
  if (missing.length > 0) throw new Error(`The constants were not found in ${missing.join(', ')}: adapt variants.ts.`);
  return path.join(folder, 'server.js');
}

function replaceConstants(settings: FlowSettings, replaced: Set<string>): Plugin {
  return {
    name: 'replace constants',
    setup(esbuild) {
      esbuild.onLoad({ filter: /(terminalViewers|outputFlow)\.ts$/ }, ({ path: file }) => {
        const source = fs.readFileSync(file, 'utf8');
        const place = places.find((candidate) => file.endsWith(path.normalize(candidate.file)));
        if (!place?.pattern.test(source)) return undefined;
        replaced.add(place.file);
        return { contents: source.replace(place.pattern, place.text(settings)), loader: 'ts' };
      });
    },
  };
}
