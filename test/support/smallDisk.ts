import { execFileSync } from 'node:child_process';

/** Mounts a real disk of 1 MiB, a tmpfs. False, with a line that says why, where that is not allowed: only root may. */
export function mountSmallDisk(mountPoint: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mountPoint], { stdio: 'pipe' });
    return true;
  } catch (error) {
    console.log(`      skipped: a tmpfs cannot be mounted here (${(error as Error).message.trim()})`);
    return false;
  }
}
