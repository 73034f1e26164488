import * as path from 'node:path';
import { runCommand } from './command.ts';
import { projectFolder } from './project.ts';

/** One check of the sources that a tool makes. */
export interface Check {
  readonly name: string;
  /** The script of the tool, in node_modules. */
  readonly script: string;
  readonly args: readonly string[];
}

const cache = 'node_modules/.cache';
const limitMs = 5 * 60_000;

/** All checks, in the order in which they are run. */
export const checks: readonly Check[] = [
  { name: 'types', script: 'typescript/bin/tsc', args: ['--build', '--pretty'] },
  {
    name: 'lint',
    script: 'eslint/bin/eslint.js',
    args: [
      '.',
      '--max-warnings',
      '0',
      '--cache',
      '--cache-location',
      `${cache}/eslint/`,
      '--cache-strategy',
      'content',
    ],
  },
  {
    name: 'format',
    script: 'prettier/bin/prettier.cjs',
    args: ['.', '--check', '--log-level', 'warn', '--cache', '--cache-location', `${cache}/prettier/cache`],
  },
  {
    name: 'dependency rules',
    script: 'dependency-cruiser/bin/dependency-cruiser.mjs',
    args: ['--config', 'scripts/checks/dependencyRules.mjs', 'extension', 'server', 'webview-ui', 'scripts', 'test'],
  },
  { name: 'dead code', script: 'knip/bin/knip.js', args: ['--config', 'scripts/checks/knip.jsonc', '--no-progress'] },
];

/** Runs one check; prints one line, and what the tool found when it found something. */
export async function runCheck({ name, script, args }: Check): Promise<boolean> {
  const startedAt = Date.now();
  const result = await runCommand(process.execPath, [path.join(projectFolder, 'node_modules', script), ...args], {
    cwd: projectFolder,
    env: {
      ...process.env,
      ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1', FORCE_COLOR: undefined }),
    },
    timeoutMs: limitMs,
    output: 'kept',
  });
  const passed = result.exitCode === 0;
  const note = result.timedOut ? ', no end' : '';
  console.log(`${passed ? '✔' : '✖'} ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s${note})`);
  if (!passed) console.log(result.output.trim());
  return passed;
}
