import { globSync } from 'node:fs';
import * as path from 'node:path';
import { runCommand } from '../../../scripts/command.ts';
import { projectFolder } from '../../../scripts/project.ts';

const limitMs = 5 * 60_000;

/** A published incident, by the test that makes the attack here. */
export interface Incident {
  /** `CVE-2025-53773`, or the issue of the program that had it. */
  readonly number: string;
  /** What must not happen, in the words of the test. */
  readonly test: string;
  readonly passed: boolean;
}

/** Runs the tests of the incidents and gives one row for each of them. Rejects where they cannot be run. */
export async function runIncidents(): Promise<Incident[]> {
  const files = globSync('test/security/incidents/*.test.ts', { cwd: projectFolder }).sort();
  const mocha = path.join(projectFolder, 'node_modules/mocha/bin/mocha.js');
  const { output } = await runCommand(process.execPath, [mocha, '--reporter', 'json', ...files], {
    cwd: projectFolder,
    timeoutMs: limitMs,
    output: 'kept',
  });
  const begin = output.indexOf('{\n  "stats"');
  if (begin < 0) throw new Error(`The tests of the incidents did not run:\n${output.trim().slice(-2_000)}`);
  const { tests } = JSON.parse(output.slice(begin, output.lastIndexOf('}') + 1)) as {
    tests: readonly { readonly title: string; readonly err: object }[];
  };
  return tests.map(({ title, err }) => incidentOf(title, Object.keys(err).length === 0));
}

/** The name of such a test is its number, a colon, and what must not happen. */
export function incidentOf(title: string, passed: boolean): Incident {
  const [, number, test] = /^(CVE-\d{4}-\d+|[\w.-]+\/[\w.-]+#\d+): (.+)$/s.exec(title) ?? [];
  if (number === undefined || test === undefined) throw new Error(`The test "${title}" does not begin with a number.`);
  return { number, test, passed };
}
