import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errorCode } from './fileSystem.ts';

/**
 * Names one process for ever: the system gives its number away again, but not with the same start time. `startedAt` is
 * opaque and made of letters and digits; empty where the system does not tell.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

/** Tells live processes from dead ones. */
export interface ProcessTable {
  /** This process. */
  self(): Promise<ProcessIdentity>;
  /** False if the process has ended, its number belonging to another one by now or not. */
  isAlive(identity: ProcessIdentity): Promise<boolean>;
}

const commandTimeoutMs = 5_000;
const run = promisify(execFile);

/** The machine's own processes: /proc on Linux, `ps` on macOS and BSD, PowerShell on Windows. */
export function createProcessTable(): ProcessTable {
  let self: Promise<ProcessIdentity> | undefined;
  return {
    self() {
      self ??= startTimeOf(process.pid).then((startedAt) => ({ pid: process.pid, startedAt: startedAt ?? '' }));
      return self;
    },
    async isAlive({ pid, startedAt }) {
      if (!exists(pid)) return false;
      const current = await startTimeOf(pid);
      // Where either start time is unknown, an existing process counts as the one meant: two writers do worse harm
      // than one reader too many.
      return current === undefined || current === '' || startedAt === '' || current === startedAt;
    },
  };
}

function exists(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

async function startTimeOf(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') return await linuxStartTime(pid);
    if (process.platform === 'win32') return await windowsStartTime(pid);
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], {
      timeout: commandTimeoutMs,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    return stdout.replace(/[^\dA-Za-z]/g, '');
  } catch {
    // No such process any more, or no way to ask: both are "unknown", and `exists` has told the first.
    return undefined;
  }
}

/**
 * Field 22 of /proc/<pid>/stat counts ticks since boot, so the boot's own id goes with it. The second field is the
 * program's name in brackets and may itself hold blanks and brackets: count from the last one.
 */
async function linuxStartTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended, although its parent has not yet asked for its exit code.
  if (fields[0] === 'Z' || fields[0] === 'X') return 'ended';
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '');
  return `${fields[19] ?? ''}b${boot.replaceAll('-', '').slice(0, 8)}`;
}

async function windowsStartTime(pid: number): Promise<string> {
  const script = `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`;
  const { stdout } = await run('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script], {
    timeout: commandTimeoutMs,
    windowsHide: true,
  });
  return stdout.trim();
}
