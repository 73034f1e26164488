import { globSync } from 'node:fs';
import { projectFolder } from './project.ts';

/** The packed extension, a Chromium, programs to run in terminals, the VS Code server in the cache folder. */
export type Preparation = 'package' | 'browser' | 'programs' | 'workbench';

/** One part of the tests, run as a process of its own. */
export interface Suite {
  readonly name: string;
  /** What the suite consists of, relative to the repository. */
  readonly patterns: readonly string[];
  /** Run instead of mocha. */
  readonly runner?: string;
  /** What has to be there before the suite starts, since making it takes longer than a test may. */
  readonly needs: readonly Preparation[];
  /** The suite is ended, and counts as failed, when it takes longer. */
  readonly limitMs: number;
  /** Where the suite is asked for by its name and not as a part of everything, it may do more and take longer. */
  readonly alone?: { readonly environment: Readonly<Record<string, string>>; readonly limitMs: number };
}

const minuteMs = 60_000;

/** All suites, in the order in which they are run: what fails fast comes first. */
export const suites: readonly Suite[] = [
  {
    name: 'unit',
    patterns: ['test/unit/**/*.test.ts', 'test/architecture/**/*.test.ts'],
    needs: [],
    limitMs: 5 * minuteMs,
  },
  {
    name: 'integration',
    patterns: ['test/integration/**/*.test.ts'],
    needs: ['package', 'browser', 'programs'],
    limitMs: 15 * minuteMs,
  },
  {
    name: 'security',
    patterns: ['test/security/**/*.test.ts'],
    needs: ['package', 'browser'],
    limitMs: 8 * minuteMs,
    alone: { environment: { GUARD_CANARIES: 'all', DOOR_FRAMES: '1000000' }, limitMs: 20 * minuteMs },
  },
  {
    name: 'vscode',
    patterns: ['test/vscode/suite/**/*.test.ts'],
    runner: 'test/vscode/run.ts',
    needs: ['package'],
    limitMs: 10 * minuteMs,
  },
  {
    name: 'e2e',
    patterns: ['test/e2e/**/*.test.ts'],
    needs: ['package', 'browser', 'programs', 'workbench'],
    limitMs: 12 * minuteMs,
  },
  {
    name: 'reliability',
    patterns: ['test/reliability/**/*.test.ts'],
    needs: ['package', 'programs'],
    limitMs: 8 * minuteMs,
    alone: {
      environment: { STORAGE_KILL_ROUNDS: '1000', STORAGE_FUZZ_RUNS: '1000', STORAGE_LARGE_JOURNAL_MIB: '1024' },
      limitMs: 30 * minuteMs,
    },
  },
];

/** The files of a suite, in a fixed order. */
export function suiteFiles(suite: Suite): string[] {
  return suite.patterns.flatMap((pattern) => globSync(pattern, { cwd: projectFolder })).sort();
}
