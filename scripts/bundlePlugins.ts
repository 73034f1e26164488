import { existsSync } from 'node:fs';
import * as path from 'node:path';
import type { Plugin } from 'esbuild';
import { projectFolder } from './project.ts';

/**
 * Leaves a dynamic import of an entry point in `bundles` (bundle name by entry, relative to the repository) to run time,
 * when that bundle is loaded from beside the one that imports it. esbuild itself would put both into one file.
 */
export function loadWhenNeeded(bundles: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'load when needed',
    setup(build) {
      build.onResolve({ filter: /^\.{1,2}\// }, ({ kind, path: imported, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined;
        const file = path.relative(projectFolder, path.resolve(resolveDir, imported)).replaceAll('\\', '/');
        const name = bundles[file];
        return name === undefined ? undefined : { path: `./${name}.js`, external: true };
      });
    },
  };
}

/** zod carries its messages in fifty languages and loads them all at the start; ours are in English and for the log. */
export const onlyEnglishOfZod: Plugin = {
  name: 'only English of zod',
  setup(build) {
    build.onResolve({ filter: /^\.\.\/locales\/index\.js$/ }, ({ resolveDir }) => {
      if (!/node_modules[/\\]zod[/\\]v4[/\\]\w+$/.test(resolveDir)) return undefined;
      const english = path.resolve(resolveDir, '..', 'locales', 'en.js');
      if (existsSync(english)) return { path: english };
      return { errors: [{ text: `zod has no ${english} any more: adapt scripts/bundlePlugins.ts.` }] };
    });
  },
};
