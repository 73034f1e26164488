import * as path from 'node:path';
import { Worker } from 'node:worker_threads';

/**
 * Ends this process when its parent is gone, whatever way it died: at once when the IPC channel closes, and within a
 * second by a worker thread, which works even while the main thread is blocked.
 * The language server library polls only every 3 s, and only while the main thread runs.
 */
export function watchParent(): void {
  process.once('disconnect', () => process.exit(0));
  const worker = new Worker(path.join(__dirname, 'parentWatchdog.js'), {
    workerData: { parentPid: process.ppid },
    stdout: false,
    stderr: false,
  });
  worker.unref();
}
