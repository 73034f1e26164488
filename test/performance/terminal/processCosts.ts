import * as fs from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { OurPeer } from './terminalPeer.ts';

const clockTicksPerSecond = 100;
const settleMs = 1_000;

/** Bytes of one process: resident, and its share of what it has in common with others. */
export interface Memory {
  readonly resident: number;
  readonly proportional: number;
}

/** What the server and its pty host cost with so many terminals. */
export interface TerminalCosts {
  readonly terminals: number;
  readonly server: Memory;
  readonly host: Memory;
}

/** Linux only: elsewhere these figures are not in the file system. */
export const canMeasureProcesses = fs.existsSync('/proc/self/smaps_rollup');

/** Opens quiet, watched terminals until there are as many as each of `counts` (ascending) and reads the memory each time. */
export async function measureMemory(counts: readonly number[]): Promise<TerminalCosts[]> {
  const peer = await OurPeer.start();
  try {
    const costs: TerminalCosts[] = [];
    await peer.connection.sendRequest('terminal/list', {});
    let open = 0;
    for (const terminals of counts) {
      for (; open < terminals; open++) await openQuietTerminal(peer);
      await wait(settleMs);
      costs.push({ terminals, server: memoryOf(peer.serverPid), host: memoryOf(peer.hostPid) });
    }
    return costs;
  } finally {
    await peer.end();
  }
}

/** Percent of one processor that server and host take together with `terminals` quiet, watched terminals. */
export async function measureIdleCpu(terminals: number, seconds: number): Promise<number> {
  const peer = await OurPeer.start();
  try {
    for (let open = 0; open < terminals; open++) await openQuietTerminal(peer);
    await wait(2 * settleMs);
    const usedMs = (): number => peer.pids().reduce((sum, pid) => sum + cpuMs(pid), 0);
    const before = usedMs();
    await wait(seconds * 1_000);
    return (usedMs() - before) / (seconds * 10);
  } finally {
    await peer.end();
  }
}

/** A prompt's worth of output, and a program that waits. */
async function openQuietTerminal(peer: OurPeer): Promise<void> {
  const quiet = Promise.withResolvers<undefined>();
  const sessionId = await peer.create(`printf 'ready$ '; exec sleep 600`);
  await peer.watch(sessionId, () => quiet.resolve(undefined));
  await quiet.promise;
}

export function memoryOf(pid: number): Memory {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return { resident: kibibytes(text, 'Rss'), proportional: kibibytes(text, 'Pss') };
}

function kibibytes(text: string, name: string): number {
  return 1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
}

/** User and system time so far, from `stat`; the name in parentheses before the figures may hold spaces. */
export function cpuMs(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / clockTicksPerSecond;
}
