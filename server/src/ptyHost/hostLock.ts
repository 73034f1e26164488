import * as fs from 'node:fs';
import * as path from 'node:path';

/** The exit code of a host that finds another one running for its data folder: sysexits' EX_TEMPFAIL, as in `ptyExec`. */
export const lockedExitCode = 75;

/** On Linux `ptyExec` has taken the lock before the host was executed, and left it as this descriptor. */
const inheritedLockDescriptor = 3;
/** open(2) of macOS and the BSDs: lock exclusively as part of opening. Node has no name for it. */
const exclusiveLockFlag = 0x20;

/**
 * Makes sure that this process alone serves its data folder for as long as it lives. The system gives the lock back
 * however the process ends, so there are no stale locks to judge. False where another process holds it. On Windows the
 * pipe's name itself is exclusive, and binding it is the lock.
 */
export function holdHostLock(lockFile: string): boolean {
  if (process.platform === 'win32') return true;
  if (process.platform === 'linux') {
    requireInheritedLock(lockFile);
    return true;
  }
  const { O_RDWR, O_CREAT, O_NONBLOCK } = fs.constants;
  try {
    // Never closed: the lock lasts as long as the descriptor.
    fs.openSync(lockFile, O_RDWR | O_CREAT | O_NONBLOCK | exclusiveLockFlag, 0o600);
    return true;
  } catch (error) {
    if (['EAGAIN', 'EWOULDBLOCK'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function requireInheritedLock(lockFile: string): void {
  const expected = path.join(fs.realpathSync(path.dirname(lockFile)), path.basename(lockFile));
  let held: string | undefined;
  try {
    held = fs.readlinkSync(`/proc/self/fd/${inheritedLockDescriptor}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (held === expected) return;
  throw new Error(`The lock ${lockFile} is not held; the pty host must be started through ptyExec --lock.`);
}
