import { execFileSync } from 'node:child_process';

/** Process ids of the pty hosts that run out of `dataFolder`. Linux and macOS. */
export function ptyHostsOf(dataFolder: string): number[] {
  return execFileSync('ps', ['-eo', 'pid=,args='])
    .toString()
    .split('\n')
    .filter((line) => line.includes(`${dataFolder}/ptyHost/`) && line.includes('ptyHost.js'))
    .map((line) => Number.parseInt(line.trim(), 10));
}

/** Ends the pty hosts of `dataFolder`, and with them their terminals. For the end of a suite. */
export function endPtyHostsOf(dataFolder: string): void {
  for (const pid of ptyHostsOf(dataFolder)) process.kill(pid, 'SIGTERM');
}

/** Process ids of the children of `parent`, in ascending order: the programs in the terminals of a pty host. */
export function childrenOf(parent: number): number[] {
  return execFileSync('ps', ['-eo', 'pid=,ppid='])
    .toString()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []))
    .sort((one, other) => one - other);
}
