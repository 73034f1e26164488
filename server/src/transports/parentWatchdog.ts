import { workerData } from 'node:worker_threads';

/** A worker thread of its own (its entry in the build): kills this process once its parent has gone. */
const { parentPid } = workerData as { parentPid: number };
const pollMs = 500;

setInterval(() => {
  if (!parentIsAlive()) process.kill(process.pid, 'SIGKILL');
}, pollMs);

function parentIsAlive(): boolean {
  if (process.ppid !== parentPid) return false;
  try {
    process.kill(parentPid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there but belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
