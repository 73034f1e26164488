import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-languageserver/node';
import { projectFolder, testOutputFolder } from '../../scripts/project.ts';

/** Which program is measured. */
export type Program = 'ours' | 'bare';

/** Bundles the bare peer as our server is bundled, so that both load one file. */
export async function buildBareServer(): Promise<string> {
  const outfile = path.join(testOutputFolder, 'performance', 'bareServer.js');
  const entry = path.join(projectFolder, 'test', 'fixtures', 'performance', 'bareServer.ts');
  await build({ entryPoints: [entry], outfile, bundle: true, minify: true, platform: 'node', format: 'cjs' });
  return outfile;
}

/** A server process with a connection to it. The owner calls `end`. */
export class ForkedServer {
  readonly child: ChildProcess;
  readonly connection: MessageConnection;
  private readonly folder = mkdtempSync(path.join(os.tmpdir(), 'ada-'));

  constructor(file: string, program: Program) {
    this.child = fork(file, program === 'ours' ? ['lsp', '--node-ipc', '--data-dir', this.folder] : [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.connection = createMessageConnection(new IPCMessageReader(this.child), new IPCMessageWriter(this.child));
    this.connection.listen();
  }

  initialize(): Promise<unknown> {
    return this.connection.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
  }

  async end(): Promise<void> {
    this.connection.dispose();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Milliseconds from the fork to the answered handshake. */
export async function startTime(file: string, program: Program): Promise<number> {
  const startedAt = performance.now();
  const server = new ForkedServer(file, program);
  await server.initialize();
  const ms = performance.now() - startedAt;
  await server.end();
  return ms;
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
