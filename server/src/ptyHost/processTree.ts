import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { promisify } from 'node:util';

/** One process, told apart from a later one with the same number by the time at which it started. */
export interface ProcessEntry {
  readonly pid: number;
  readonly group: number;
  readonly startedAt: string;
}

const run = promisify(execFile);
/** `ps` and `taskkill` answer in milliseconds; a machine that needs longer is in trouble of another kind. */
const toolTimeoutMs = 5_000;

/**
 * The processes of the session that `leader` leads. On Linux those of its kernel session; elsewhere, where `ps` does not
 * tell the session, its descendants. A process that made itself a session of its own is not among them, on Linux.
 */
export async function listSessionProcesses(leader: number): Promise<ProcessEntry[]> {
  return process.platform === 'linux' ? await listFromProc(leader) : await listFromPs(leader);
}

/** Whether a process runs. One that has ended and waits to be collected by its parent does not. */
export async function isRunning(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return sendSignal(pid, 0);
  const stat = await readProcStat(pid);
  return stat !== undefined && stat.state !== 'Z';
}

/** The process group that has the terminal of `pid`, or undefined where the process is gone or has no terminal. */
export async function readForegroundGroup(pid: number): Promise<number | undefined> {
  let group: number;
  if (process.platform === 'linux') {
    group = (await readProcStat(pid))?.foregroundGroup ?? -1;
  } else {
    const { stdout } = await run('ps', ['-o', 'tpgid=', '-p', String(pid)], { timeout: toolTimeoutMs });
    group = Number(stdout.trim() || '-1');
  }
  return group > 0 ? group : undefined;
}

/** Windows: ends a process and everything it started. There is no gentler way there. */
export async function endWindowsTree(pid: number): Promise<void> {
  await run('taskkill', ['/PID', String(pid), '/T', '/F'], { timeout: toolTimeoutMs, windowsHide: true });
}

/** Sends a signal to a process, or with a negative number to a group. False where there is none (any more). */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    // EPERM: it lives but belongs to somebody else (sudo). Nobody but its owner can signal it.
    return true;
  }
}

async function listFromProc(leader: number): Promise<ProcessEntry[]> {
  const entries: ProcessEntry[] = [];
  for (const name of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readProcStat(Number(name));
    if (stat?.session !== leader || stat.state === 'Z') continue;
    entries.push({ pid: Number(name), group: stat.group, startedAt: stat.startedAt });
  }
  return entries;
}

/** Fields of /proc/PID/stat as in proc(5). The name in parentheses may hold anything, so counting starts behind it. */
async function readProcStat(pid: number) {
  let text: string;
  try {
    text = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // The process has ended in the meantime.
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    state: fields[0],
    group: Number(fields[2]),
    session: Number(fields[3]),
    foregroundGroup: Number(fields[5]),
    startedAt: fields[19] ?? '',
  };
}

async function listFromPs(leader: number): Promise<ProcessEntry[]> {
  const columns = ['-A', '-o', 'pid=,ppid=,pgid=,lstart='];
  const { stdout } = await run('ps', columns, { timeout: toolTimeoutMs, maxBuffer: 16_777_216 });
  const all = stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.+)$/.exec(line);
    if (!match) return [];
    return [{ pid: Number(match[1]), parent: Number(match[2]), group: Number(match[3]), startedAt: match[4] ?? '' }];
  });
  const wanted = new Set([leader]);
  // Parents have no smaller numbers than their children for certain, so the list is gone through until nothing is new.
  for (let before = 0; before !== wanted.size;) {
    before = wanted.size;
    for (const entry of all) if (wanted.has(entry.parent)) wanted.add(entry.pid);
  }
  return all.filter((entry) => wanted.has(entry.pid));
}
