import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { ptyProtocolVersion } from './limits.ts';

/** Names of what lies in a data folder for the pty host, all under `ptyHost/` but the log. */
export interface HostPaths {
  /** Mode 0700. */
  readonly folder: string;
  readonly tokenFile: string;
  /** Held exclusively by the running host for as long as it lives. */
  readonly lockFile: string;
  /** Says where the running host listens. */
  readonly recordFile: string;
  readonly logFile: string;
}

/** The paths for hosts of this protocol version. Nothing is created. */
export function hostPaths(dataFolder: string): HostPaths {
  const folder = path.join(dataFolder, 'ptyHost');
  return {
    folder,
    tokenFile: path.join(folder, 'token'),
    lockFile: path.join(folder, `host-${ptyProtocolVersion}.lock`),
    recordFile: path.join(folder, `host-${ptyProtocolVersion}.json`),
    logFile: path.join(dataFolder, 'logs', 'pty-host.log'),
  };
}

/**
 * Where a host listens. Clients read it instead of computing it, because the temporary folder of one client need not be
 * that of another. It says nothing about whether that host still lives.
 */
export interface HostRecord {
  /** Path of the Unix socket, or name of the pipe. */
  readonly address: string;
  readonly pid: number;
  readonly startedAtMs: number;
}

/** The record, or undefined where there is none or it cannot be understood (then a new host replaces it). */
export async function readHostRecord(file: string): Promise<HostRecord | undefined> {
  let text: string;
  try {
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not ours to repair: the host that takes the lock next writes a whole one.
    return undefined;
  }
  return isHostRecord(value) ? value : undefined;
}

/** Puts the record in place in one step, so that no reader sees half of it. */
export async function writeHostRecord(file: string, record: HostRecord): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  await fs.writeFile(temporary, JSON.stringify(record), { flag: 'wx', mode: 0o600 });
  await fs.rename(temporary, file);
}

function isHostRecord(value: unknown): value is HostRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { address, pid, startedAtMs } = value as Partial<Record<keyof HostRecord, unknown>>;
  return typeof address === 'string' && address !== '' && Number.isInteger(pid) && typeof startedAtMs === 'number';
}
