import { globSync } from 'node:fs';
import { projectFolder } from './project.ts';

/** One part of the tests, run as a process of its own. */
export interface Suite {
  readonly name: string;
  /** What the suite consists of, relative to the repository. */
  readonly patterns: readonly string[];
  /** Run instead of mocha. */
  readonly runner?: string;
  /** Whether the suite looks at the built and packed extension. */
  readonly needsPackage: boolean;
  /** The suite is ended, and counts as failed, when it takes longer. */
  readonly limitMs: number;
}

const minuteMs = 60_000;

/** All suites, in the order in which they are run: what fails fast comes first. */
export const suites: readonly Suite[] = [
  {
    name: 'unit',
    patterns: ['test/unit/**/*.test.ts', 'test/architecture/**/*.test.ts'],
    needsPackage: false,
    limitMs: 3 * minuteMs,
  },
  { name: 'integration', patterns: ['test/integration/**/*.test.ts'], needsPackage: true, limitMs: 6 * minuteMs },
  { name: 'security', patterns: ['test/security/**/*.test.ts'], needsPackage: true, limitMs: 4 * minuteMs },
  {
    name: 'vscode',
    patterns: ['test/vscode/suite/**/*.test.ts'],
    runner: 'test/vscode/run.ts',
    needsPackage: true,
    limitMs: 10 * minuteMs,
  },
  { name: 'e2e', patterns: ['test/e2e/**/*.test.ts'], needsPackage: true, limitMs: 10 * minuteMs },
  { name: 'reliability', patterns: ['test/reliability/**/*.test.ts'], needsPackage: true, limitMs: 5 * minuteMs },
];

/** The files of a suite, in a fixed order. */
export function suiteFiles(suite: Suite): string[] {
  return suite.patterns.flatMap((pattern) => globSync(pattern, { cwd: projectFolder })).sort();
}
