import { appendFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import type Mocha from 'mocha';
import { resultFileVariable, type ResultLine } from './results.ts';

/**
 * What VS Code calls in its extension host: runs the suites that stand beside this bundle and reports each test as
 * soon as it has ended, one line of JSON each. Rejects when a test failed, so that VS Code too ends with an error.
 */
export async function run(): Promise<void> {
  const resultFile = process.env[resultFileVariable];
  if (!resultFile) throw new Error(`${resultFileVariable} is not set: start these suites with "npm run test:vscode".`);
  const report = (line: ResultLine) => appendFileSync(resultFile, `${JSON.stringify(line)}\n`);
  let failures: number;
  try {
    failures = await runSuites(report);
  } catch (error) {
    report({ kind: 'crashed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    throw error;
  }
  report({ kind: 'end' });
  if (failures > 0) throw new Error(`${failures} tests failed.`);
}

function runSuites(report: (line: ResultLine) => void): Promise<number> {
  // Bundled test files find mocha in the repository's node_modules, since they stand inside the repository.
  const MochaRunner = createRequire(__filename)('mocha') as typeof Mocha;
  const mocha = new MochaRunner({ ui: 'bdd', timeout: 30_000, forbidOnly: true });
  const folder = path.join(__dirname, 'suite');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.js'));
  for (const file of files.sort()) mocha.addFile(path.join(folder, file));
  return new Promise((resolve) => {
    const runner = mocha.run(resolve);
    runner.on('pass', (test) => report({ kind: 'passed', title: test.fullTitle(), durationMs: test.duration ?? 0 }));
    runner.on('pending', (test) => report({ kind: 'skipped', title: test.fullTitle() }));
    runner.on('fail', (test, error: Error) =>
      report({ kind: 'failed', title: test.fullTitle(), message: error.stack ?? error.message }),
    );
  });
}
