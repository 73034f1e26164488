import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-languageserver/node';
import { serverFlags } from '../../extension/src/server/serverFlags.ts';
import { waitFor } from '../support/waitFor.ts';

/** Which program is measured. */
export type Program = 'ours' | 'bare';

/** A server process with a connection to it. The owner calls `end`. */
export class ForkedServer {
  readonly child: ChildProcess;
  readonly connection: MessageConnection;
  private readonly folder: string;
  private readonly ownsFolder: boolean;

  /** With a data folder of its own, as at the very first start, or with one that was used before. */
  constructor(file: string, program: Program, folder?: string) {
    this.folder = folder ?? mkdtempSync(path.join(os.tmpdir(), 'ada-'));
    this.ownsFolder = folder === undefined;
    this.child = fork(file, program === 'ours' ? ['lsp', '--node-ipc', '--data-dir', this.folder] : [], {
      serialization: 'advanced',
      execArgv: program === 'ours' ? [...serverFlags] : [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.connection = createMessageConnection(new IPCMessageReader(this.child), new IPCMessageWriter(this.child));
    this.connection.listen();
  }

  initialize(): Promise<unknown> {
    return this.connection.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
  }

  /** Megabytes of memory that the process takes of the machine. */
  async residentMegabytes(): Promise<number> {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(this.child.pid)]);
    return (Number(stdout) * 1024) / 1e6;
  }

  async end(): Promise<void> {
    this.connection.dispose();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    if (this.ownsFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Milliseconds from the fork to the answered handshake. */
export async function startTime(file: string, program: Program, folder?: string): Promise<number> {
  const startedAt = performance.now();
  const server = new ForkedServer(file, program, folder);
  await server.initialize();
  const ms = performance.now() - startedAt;
  await server.end();
  return ms;
}

/** A data folder in which our server has kept what makes its next start faster. The caller removes it. */
export async function usedDataFolder(file: string): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ada-'));
  const server = new ForkedServer(file, 'ours', folder);
  await server.initialize();
  await waitFor('the server to keep its compiled code', () => compiledBytes(folder) > 100_000);
  await server.end();
  return folder;
}

function compiledBytes(dataFolder: string): number {
  const folder = path.join(dataFolder, 'compileCache');
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
    statSync(path.join(folder, name)),
  );
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

/** Milliseconds of each of `count` requests, one after another. */
export async function roundTrips(file: string, program: Program, count: number): Promise<number[]> {
  const server = new ForkedServer(file, program);
  await server.initialize();
  const times: number[] = [];
  for (let request = 0; request < count + 200; request++) {
    const startedAt = performance.now();
    await server.connection.sendRequest('server/health', {});
    // The first ones warm the compiler up.
    if (request >= 200) times.push(performance.now() - startedAt);
  }
  await server.end();
  return times;
}
