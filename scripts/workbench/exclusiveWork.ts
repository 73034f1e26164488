import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How often a waiting process looks whether the work is done. */
const pollMs = 250;

/** A piece of work that only one process on this machine may do at a time. */
export interface ExclusiveWork<Result> {
  /** Exists while the work goes on; holds the id of the process that does it. */
  readonly lockFile: string;
  /** How long to wait for another process that does it. */
  readonly waitMs: number;
  /** Called once when somebody else is found to be at it. */
  readonly onWait: () => void;
  readonly work: () => Promise<Result>;
}

/**
 * Does the work while holding `lockFile`. The lock of a process that died is taken over; a process that waited does
 * the work anew, so the work itself looks first whether anything is left to do.
 */
export async function runExclusively<Result>(job: ExclusiveWork<Result>): Promise<Result> {
  await fs.mkdir(path.dirname(job.lockFile), { recursive: true });
  const end = Date.now() + job.waitMs;
  let waited = false;
  while (!(await takeLock(job.lockFile))) {
    if (Date.now() > end) {
      throw new Error(
        `Another process has held ${job.lockFile} for ${job.waitMs / 1000} s: end it, or remove that file.`,
      );
    }
    if (!waited) job.onWait();
    waited = true;
    await delay(pollMs);
  }
  try {
    return await job.work();
  } finally {
    await fs.rm(job.lockFile, { force: true });
  }
}

/**
 * A lock file appears with its content in one step (a link to a finished file), so that nobody reads an empty one.
 * A stale one is renamed away before it is removed: of several takers only one succeeds in that.
 */
async function takeLock(lockFile: string): Promise<boolean> {
  const mine = `${lockFile}.${process.pid}`;
  await fs.writeFile(mine, String(process.pid));
  try {
    await fs.link(mine, lockFile);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await fs.rm(mine, { force: true });
  }
  const holder = await readHolder(lockFile);
  if (holder !== undefined && !isAlive(holder)) await removeStale(lockFile, holder);
  return false;
}

async function removeStale(lockFile: string, holder: number): Promise<void> {
  const aside = `${lockFile}.stale-${process.pid}`;
  try {
    await fs.rename(lockFile, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // Between reading and renaming, another taker may have put its own, living lock there: that one is given back.
  if ((await readHolder(aside)) !== holder) await fs.link(aside, lockFile).catch(ignoreExisting);
  await fs.rm(aside, { force: true });
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

async function readHolder(lockFile: string): Promise<number | undefined> {
  try {
    return Number(await fs.readFile(lockFile, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
