import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import * as path from 'node:path';
import type { Readable } from 'node:stream';
import { CodedError } from '../../protocol/errors.ts';

const maxRecordBytes = 1024 * 1024;
const maxStderrChars = 2_000;

export interface RipgrepRun {
  readonly binary: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Ends a record: a line feed, or NUL for names of files. */
  readonly separator: '\n' | '\0';
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Gets each record in order; `false` ends the run. Longer records than 1 MiB are passed over. */
  onRecord(record: string): Promise<boolean> | boolean;
}

/** Why a run ended. */
export type RipgrepEnd = 'complete' | 'stopped' | 'timedOut';

/** Absolute path of a ripgrep that can be run: the editor's own, else the first in PATH; undefined if there is none. */
export async function findRipgrep(given: string | undefined): Promise<string | undefined> {
  const name = process.platform === 'win32' ? 'rg.exe' : 'rg';
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const candidates = [...(given ? [given] : []), ...folders.map((folder) => path.join(folder, name))];
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue; // Not there, or not to be run: the next may be.
    }
  }
  return undefined;
}

/**
 * Runs ripgrep and hands over its records as they come. The process inherits neither our stdout nor our stderr, and it
 * is dead when this settles. Rejects with the signal's reason, or `InvalidParams` with ripgrep's own words.
 */
export async function runRipgrep(run: RipgrepRun): Promise<RipgrepEnd> {
  run.signal.throwIfAborted();
  const timeout = AbortSignal.timeout(run.timeoutMs);
  const child = spawn(run.binary, run.args, {
    cwd: run.cwd,
    env: process.env['SystemRoot'] ? { SystemRoot: process.env['SystemRoot'] } : {},
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // Awaited below; until then a failure to start must not count as unhandled.
  closed.catch(() => undefined);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < maxStderrChars) stderr += text;
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  const either = AbortSignal.any([run.signal, timeout]);
  either.addEventListener('abort', kill, { once: true });
  let isStopped = false;
  try {
    for await (const record of records(child.stdout, run.separator)) {
      if (await run.onRecord(record)) continue;
      isStopped = true;
      break;
    }
  } finally {
    either.removeEventListener('abort', kill);
    if (child.exitCode === null) kill();
  }
  const exitCode = await closed;
  run.signal.throwIfAborted();
  if (isStopped) return 'stopped';
  if (timeout.aborted) return 'timedOut';
  // 1 means that nothing was found; 2 comes with results where single files could not be read.
  if (exitCode === 2 && /regex parse error|error parsing/i.test(stderr)) {
    throw new CodedError('InvalidParams', `The expression cannot be used: ${stderr.trim().slice(0, 500)}`);
  }
  return 'complete';
}

async function* records(stream: Readable, separator: string): AsyncGenerator<string> {
  const end = separator.charCodeAt(0);
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, start)) {
      if (bytes + at - start <= maxRecordBytes)
        yield Buffer.concat([...parts, chunk.subarray(start, at)]).toString('utf8');
      parts = [];
      bytes = 0;
      start = at + 1;
    }
    bytes += chunk.length - start;
    if (bytes <= maxRecordBytes) parts.push(chunk.subarray(start));
    else parts = [];
  }
  if (bytes > 0 && bytes <= maxRecordBytes) yield Buffer.concat(parts).toString('utf8');
}
