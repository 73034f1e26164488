import { spawnSync } from 'node:child_process';
import * as os from 'node:os';

/**
 * Runs `measure` with all of `pids` on one processor where the system can do that (`taskset`), elsewhere as they are.
 * Waking a sleeping processor costs several times what a small request does, and whether that happens is the scheduler's
 * mood: on one processor the difference between two programs is their work.
 */
export async function onOneProcessor<T>(pids: readonly number[], measure: () => Promise<T>): Promise<T> {
  const all = `0-${os.cpus().length - 1}`;
  const keepOn = (processors: string): void => {
    for (const pid of pids.filter((one) => one > 0))
      spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, String(pid)]);
  };
  keepOn('0');
  try {
    return await measure();
  } finally {
    keepOn(all);
  }
}
