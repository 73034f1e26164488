import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that belongs to a test run. */
export interface RunProcess {
  readonly pid: number;
  /** The command line, its parts joined by spaces. */
  readonly command: string;
}

const pollMs = 50;
const orderlyEndMs = 3_000;
const killedEndMs = 5_000;

/**
 * The living processes that belong to the run in `folder`: those whose command line, working folder or environment
 * names it. Detached ones are found too, which is the point; zombies are not counted.
 */
export function listRunProcesses(folder: string): RunProcess[] {
  const all = process.platform === 'linux' ? linuxProcesses(folder) : otherProcesses(folder);
  return all.filter(({ pid }) => pid !== process.pid);
}

/** Ends what is left of a run, orderly first; rejects if something survives even SIGKILL. */
export async function endRunProcesses(folder: string): Promise<void> {
  signalAll(folder, 'SIGTERM');
  if (await emptied(folder, orderlyEndMs)) return;
  signalAll(folder, 'SIGKILL');
  if (await emptied(folder, killedEndMs)) return;
  const left = listRunProcesses(folder).map(({ pid, command }) => `${pid} ${command}`);
  throw new Error(`These processes of ${folder} could not be ended:\n${left.join('\n')}`);
}

/** Kills what is left of a run at once, for the moment at which this process itself ends. */
export function killRunProcesses(folder: string): void {
  signalAll(folder, 'SIGKILL');
}

function signalAll(folder: string, signal: NodeJS.Signals): void {
  for (const { pid } of listRunProcesses(folder)) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // It ended by itself meanwhile.
    }
  }
}

async function emptied(folder: string, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (listRunProcesses(folder).length > 0) {
    if (Date.now() > end) return false;
    await delay(pollMs);
  }
  return true;
}

function linuxProcesses(folder: string): RunProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const read = (file: string) => readFileSync(`/proc/${name}/${file}`, 'utf8');
        const command = read('cmdline').replaceAll('\0', ' ').trim();
        const belongs = [command, readlinkSync(`/proc/${name}/cwd`), read('environ')].some((text) =>
          text.includes(folder),
        );
        return belongs ? [{ pid: Number(name), command }] : [];
      } catch {
        return []; // It ended while we looked, or is somebody else's and closed to us.
      }
    });
}

function otherProcesses(folder: string): RunProcess[] {
  if (process.platform === 'win32') return [];
  return execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8', timeout: 10_000 })
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().replace(/^\d+\s+/, '') }));
}

/** Ends a process at once; one that has ended already is fine. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The process that started this one. */
export function parentOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8', timeout: 10_000 }));
}
