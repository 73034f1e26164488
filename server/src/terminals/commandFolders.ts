import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Logger } from '../base/logger.ts';
import { createProcessTable } from '../base/processTable.ts';

/**
 * The folder for what this process's commands carry over, named after its pid. Those of processes that are gone are
 * removed: they hold the variables of shells, which nobody needs any more.
 */
export function commandFolderOf(parent: string, instanceId: string, logger: Logger): string {
  removeAbandoned(parent).catch((error: unknown) => logger.warn('Old command folders could not be removed', { error }));
  return path.join(parent, `${process.pid}-${instanceId}`);
}

async function removeAbandoned(parent: string): Promise<void> {
  const names = await fs.readdir(parent).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const processes = createProcessTable();
  for (const name of names) {
    const pid = Number.parseInt(name, 10);
    if (Number.isInteger(pid) && pid !== process.pid && !(await processes.isAlive({ pid, startedAt: '' }))) {
      await fs.rm(path.join(parent, name), { recursive: true, force: true });
    }
  }
}
