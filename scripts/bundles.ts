import { existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import type { BuildOptions } from 'esbuild';
import { loadWhenNeeded, onlyEnglishOfZod } from './bundlePlugins.ts';
import { projectFolder } from './project.ts';

/** One file of `dist/` and what it is made of. */
export interface Bundle {
  /** The output without `.js`, relative to `dist/`. */
  readonly name: string;
  /** The entry point, relative to the repository. */
  readonly entry: string;
  readonly options: BuildOptions;
}

/** The oldest Node that runs these bundles: that of the oldest VS Code in `engines.vscode`. */
const nodeTarget = 'node22';

/** Required at run time instead of bundled: the editor's own module, and the library with native parts. */
const forEditor: BuildOptions = { platform: 'node', format: 'cjs', target: nodeTarget, external: ['vscode'] };
const forServer: BuildOptions = {
  platform: 'node',
  format: 'cjs',
  target: nodeTarget,
  external: ['node-pty'],
  // Names of classes and functions are part of what the logs say. (esbuild's `keepNames` would keep them at a price: it
  // sets the name of every closure as it is made, which took a sixth of the time of a request.)
  minifyIdentifiers: false,
  // Some libraries find files beside themselves through import.meta.url, which CommonJS does not have.
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  plugins: [
    loadWhenNeeded({
      'server/src/cli/commandLine.ts': 'commandLine',
      'server/src/providers/modelLibraries.ts': 'modelLibraries',
    }),
    onlyEnglishOfZod,
  ],
  // `require` in place of `import()`, which would start the loader of ES modules first.
  supported: { 'dynamic-import': false },
};
const forWebview: BuildOptions = {
  platform: 'browser',
  format: 'esm',
  target: 'chrome132',
  // What a view imports dynamically (the terminal, charts) becomes a file of its own, loaded when needed.
  splitting: true,
  chunkNames: 'webview/chunks/[name]-[hash]',
  assetNames: 'webview/assets/[name]-[hash]',
  loader: { '.ttf': 'file', '.svg': 'file' },
};

const nodeBundles: readonly Bundle[] = [
  { name: 'extension', entry: 'extension/src/extension.ts', options: forEditor },
  { name: 'languageClient', entry: 'extension/src/server/languageClient.ts', options: forEditor },
  { name: 'server', entry: 'server/src/main.ts', options: executable(forServer) },
  { name: 'commandLine', entry: 'server/src/cli/commandLine.ts', options: forServer },
  { name: 'modelLibraries', entry: 'server/src/providers/modelLibraries.ts', options: forServer },
  { name: 'parentWatchdog', entry: 'server/src/transports/parentWatchdog.ts', options: forServer },
  { name: 'screenWorker', entry: 'server/src/terminals/screens/screenWorker.ts', options: forServer },
  { name: 'indexWorker', entry: 'server/src/storage/index/indexWorker.ts', options: forServer },
  { name: 'ptyHost', entry: 'server/src/ptyHost/main.ts', options: forServer },
];

/** What is not made but copied into `dist/`: relative to the repository, by the bundle that reads it at run time. */
export const copiedFiles: Readonly<Record<string, string>> = {
  indexWorker: 'node_modules/sql.js/dist/sql-wasm.wasm',
};

/** The views that must exist; others are found by their `main.tsx`. */
const requiredViews = ['agentPanel', 'terminalPanel'];

/** All bundles of the product. */
export function listBundles(): Bundle[] {
  const views = path.join(projectFolder, 'webview-ui', 'src');
  const found = existsSync(views)
    ? readdirSync(views).filter((view) => existsSync(path.join(views, view, 'main.tsx')))
    : [];
  const webviews = [...new Set([...requiredViews, ...found])].map((view) => ({
    name: `webview/${view}`,
    entry: `webview-ui/src/${view}/main.tsx`,
    options: forWebview,
  }));
  return [...nodeBundles, ...webviews];
}

/** The server is also the package's command line program. */
function executable(options: BuildOptions): BuildOptions {
  return { ...options, banner: { js: `#!/usr/bin/env node\n${options.banner?.['js'] ?? ''}` } };
}
