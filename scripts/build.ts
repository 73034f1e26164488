import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { copiedFiles, listBundles, type Bundle } from './bundles.ts';
import { runTask } from './command.ts';
import { distFolder, formatBytes, projectFolder } from './project.ts';
import { buildPtyExec } from './ptyExec.ts';

/** What to build, and how. */
export interface BuildRequest {
  /** Names of bundles; all when left out. */
  readonly names?: readonly string[];
  /** For shipping: smaller, with the source map beside the bundle and no reference to it. */
  readonly minify?: boolean;
}

/** A file that the build wrote. */
export interface BuiltFile {
  /** Relative to `dist/`. */
  readonly file: string;
  readonly bytes: number;
}

/** Bundles the product into `dist/` and returns the files written, without source maps. */
export async function buildProduct(request: BuildRequest = {}): Promise<BuiltFile[]> {
  const bundles = selectBundles(request.names);
  const missing = bundles.filter((bundle) => !existsSync(path.join(projectFolder, bundle.entry)));
  if (missing.length > 0) {
    throw new Error(
      `The build has no source for ${missing.map((bundle) => `${bundle.name} (${bundle.entry})`).join(', ')}.`,
    );
  }
  const outputs: Metafile['outputs'] = {};
  for (const [options, group] of Map.groupBy(bundles, (bundle) => bundle.options)) {
    Object.assign(outputs, await buildGroup(options, group, request.minify ?? false));
  }
  const files = Object.entries(outputs).map(([file, { bytes }]) => ({
    file: path.relative(distFolder, path.resolve(projectFolder, file)).replaceAll('\\', '/'),
    bytes,
  }));
  for (const { name } of bundles) files.push(...(await copyFile(copiedFiles[name])));
  if (bundles.some((bundle) => bundle.name === 'ptyHost')) await buildPtyExec(path.join(distFolder, 'ptyExec'));
  if (bundles.some((bundle) => bundle.name === 'server')) await copyShellScripts();
  if (!request.names) await removeStaleFiles(new Set(files.map(({ file }) => file)));
  if (bundles.some((bundle) => bundle.name === 'server')) await fs.chmod(path.join(distFolder, 'server.js'), 0o755);
  return files.filter(({ file }) => !file.endsWith('.map'));
}

/** Prints what was built, the shared parts of the views as one sum. */
export function printSizes(files: readonly BuiltFile[]): void {
  const shown = files.filter(({ file }) => !file.includes('/chunks/') && !file.includes('/assets/'));
  for (const { file, bytes } of shown) console.log(`  dist/${file.padEnd(28)} ${formatBytes(bytes).padStart(10)}`);
  const rest = files.filter((file) => !shown.includes(file));
  if (rest.length === 0) return;
  const sum = rest.reduce((total, { bytes }) => total + bytes, 0);
  console.log(`  ${`loaded when needed: ${rest.length} files`.padEnd(33)} ${formatBytes(sum).padStart(10)}`);
}

function selectBundles(names: readonly string[] | undefined): Bundle[] {
  const all = listBundles();
  if (!names) return all;
  return names.map((name) => {
    const bundle = all.find((candidate) => candidate.name === name);
    if (bundle) return bundle;
    throw new Error(`There is no bundle "${name}": choose from ${all.map((candidate) => candidate.name).join(', ')}.`);
  });
}

async function buildGroup(
  options: BuildOptions,
  bundles: readonly Bundle[],
  minify: boolean,
): Promise<Metafile['outputs']> {
  const { metafile } = await build({
    ...options,
    absWorkingDir: projectFolder,
    entryPoints: bundles.map((bundle) => ({ in: bundle.entry, out: bundle.name })),
    outdir: distFolder,
    bundle: true,
    minifyWhitespace: minify,
    minifySyntax: minify,
    minifyIdentifiers: minify && (options.minifyIdentifiers ?? true),
    sourcemap: minify ? 'external' : 'linked',
    metafile: true,
    logLevel: 'warning',
  });
  return metafile.outputs;
}

/** What shells read by themselves, as it stands in the sources. */
async function copyShellScripts(): Promise<void> {
  const folder = path.join(distFolder, 'shellIntegration');
  await fs.rm(folder, { recursive: true, force: true });
  await fs.cp(path.join(projectFolder, 'server/src/terminals/shells/shellIntegration'), folder, { recursive: true });
}

async function copyFile(source: string | undefined): Promise<BuiltFile[]> {
  if (source === undefined) return [];
  const file = path.basename(source);
  await fs.mkdir(distFolder, { recursive: true });
  await fs.copyFile(path.join(projectFolder, source), path.join(distFolder, file));
  return [{ file, bytes: (await fs.stat(path.join(distFolder, file))).size }];
}

/** Parts of views carry a hash in their names: those of earlier builds would pile up and be shipped. */
async function removeStaleFiles(current: ReadonlySet<string>): Promise<void> {
  const folder = path.join(distFolder, 'webview');
  if (!existsSync(folder)) return;
  for (const name of await fs.readdir(folder, { recursive: true })) {
    const file = path.join(folder, name);
    const relative = `webview/${name.replaceAll('\\', '/')}`;
    if ((await fs.stat(file)).isFile() && !current.has(relative)) await fs.rm(file);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { minify: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const startedAt = Date.now();
  const files = await buildProduct({ minify: values.minify, ...(positionals.length > 0 && { names: positionals }) });
  printSizes(files);
  console.log(`Built in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
  return 0;
}

if (import.meta.main) await runTask(main);
