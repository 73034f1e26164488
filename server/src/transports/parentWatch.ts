import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { Worker } from 'node:worker_threads';

/**
 * The watchdog's thread starts once the server has: starting it takes a processor as long as half of the server's start.
 * Until then the main thread is blocked for no longer than it takes to load the server.
 */
const watchdogAfterMs = 1_000;
const clientPollMs = 3_000;

/**
 * Ends this process when its parent is gone, whatever way it died: at once when the IPC channel closes, and within a
 * second by a worker thread, which works even while the main thread is blocked.
 */
export function watchParent(): void {
  const parentPid = process.ppid;
  process.once('disconnect', () => process.exit(0));
  // Read now: an update may have removed the file by the time at which the thread starts.
  const code = readFileSync(path.join(__dirname, 'parentWatchdog.js'), 'utf8');
  setTimeout(() => {
    const worker = new Worker(code, { eval: true, workerData: { parentPid }, stdout: false, stderr: false });
    worker.on('error', (error) => {
      process.stderr.write(`The server goes on without the thread that watches its parent: ${error.message}\n`);
    });
    worker.unref();
  }, watchdogAfterMs).unref();
}

/** Ends this process when the client that introduced itself with `processId` is gone; it need not be the parent. */
export function watchClient(processId: number): void {
  setInterval(() => {
    try {
      process.kill(processId, 0);
    } catch (error) {
      // EPERM: it is there but belongs to somebody else.
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') process.exit(0);
    }
  }, clientPollMs).unref();
}
