import { globSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { build } from 'esbuild';
import { projectFolder, readManifest, testOutputFolder } from '../../scripts/project.ts';

/** What VS Code is given: an extension that does nothing but carry the suites. */
export interface SuiteBundle {
  /** The folder of the carrying extension. */
  readonly extensionFolder: string;
  /** The module whose `run` VS Code calls. */
  readonly testsModule: string;
  /** How many suite files there are. */
  readonly suiteFiles: number;
}

/**
 * Bundles the suites for the extension host. They travel in an extension of their own, so that ours is tested as it is
 * shipped: installed from the packed VSIX, in production mode, beside the suites instead of around them.
 */
export async function bundleSuites(): Promise<SuiteBundle> {
  const extensionFolder = path.join(testOutputFolder, 'vscode', 'suites');
  await fs.rm(extensionFolder, { recursive: true, force: true });
  await fs.mkdir(extensionFolder, { recursive: true });
  const source = path.join(projectFolder, 'test', 'vscode');
  const suites = globSync('suite/**/*.test.ts', { cwd: source });
  await build({
    absWorkingDir: source,
    entryPoints: ['extensionHost.ts', ...suites],
    outdir: extensionFolder,
    outbase: source,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    external: ['vscode', 'mocha', 'node-pty'],
    sourcemap: 'inline',
    logLevel: 'warning',
    // Fixtures that are programs as well ask whether they were started; in a bundle they never were.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  const manifest = {
    name: 'suites',
    publisher: 'ai-dev-assistant-tests',
    version: '0.0.0',
    // Never activated; but only an extension with code is told apart from others by VS Code's API.
    main: './extensionHost.js',
    // Of the extension that is tested: what VS Code does for an extension depends on it.
    engines: { vscode: readManifest().engines['vscode'] },
    extensionKind: ['workspace'],
  };
  await fs.writeFile(path.join(extensionFolder, 'package.json'), JSON.stringify(manifest));
  return { extensionFolder, testsModule: path.join(extensionFolder, 'extensionHost.js'), suiteFiles: suites.length };
}
