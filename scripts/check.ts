import { checks, runCheck } from './checks.ts';
import { runTask } from './command.ts';

/** Runs every check of the sources, all of them even when one fails. */
async function main(): Promise<number> {
  let failed = 0;
  for (const check of checks) if (!(await runCheck(check))) failed += 1;
  if (failed > 0) console.error(`${failed} of ${checks.length} checks failed.`);
  return failed > 0 ? 1 : 0;
}

if (import.meta.main) await runTask(main);
