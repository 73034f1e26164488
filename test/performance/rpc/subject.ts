import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import { serverFlags } from '../../../extension/src/server/serverFlags.ts';
import { distFolder } from '../../../scripts/project.ts';
import { ForkedServer, type Program } from '../forkedServer.ts';
import { peerProgram } from '../peerProgram.ts';
import { createServerFolder, removeServerFolder } from './serverFolder.ts';

/** A server that is asked the same again and again. */
export interface Subject {
  /** Of the server. */
  readonly pid: number;
  /** Resolves once one request is answered; rejects where the answer is an error. */
  call(): Promise<unknown>;
  /** Between two measurements: closes what the server would close for being quiet. */
  rest?(): void;
}

/** A subject that speaks JSON-RPC, and whose terminals can be watched if it is ours. The owner calls `end`. */
export interface JsonRpcSubject extends Subject {
  readonly connection: MessageConnection;
  end(): Promise<void>;
}

/** Opens ours and the bare one, and ends both whatever becomes of `use`. */
export async function withBoth<T extends { end(): Promise<void> }, R>(
  open: (program: Program) => Promise<T>,
  use: (both: Readonly<Record<Program, T>>) => Promise<R>,
): Promise<R> {
  const ours = await open('ours');
  try {
    const bare = await open('bare');
    try {
      return await use({ ours, bare });
    } finally {
      await bare.end();
    }
  } finally {
    await ours.end();
  }
}

const serverFile = path.join(distFolder, 'server.js');
const introduction = { processId: process.pid, rootUri: null, capabilities: {} };

/** A server forked as the extension does it, over Node's IPC channel. */
export async function startIpc(program: Program): Promise<JsonRpcSubject> {
  const folder = createServerFolder();
  const server = new ForkedServer(program === 'ours' ? serverFile : await peerProgram('bareRpc'), program, folder);
  await server.initialize();
  return {
    connection: server.connection,
    pid: server.child.pid ?? 0,
    call: () => server.connection.sendRequest('server/health', {}),
    end: async () => {
      await server.end();
      await removeServerFolder(folder);
    },
  };
}

/** A server as an editor starts it, over pipes. */
export async function startStdio(program: Program): Promise<JsonRpcSubject> {
  const folder = createServerFolder();
  const args =
    program === 'ours'
      ? [...serverFlags, serverFile, 'lsp', '--stdio', '--data-dir', folder]
      : [await peerProgram('bareRpc'), 'stdio'];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  connection.listen();
  await connection.sendRequest('initialize', introduction);
  return {
    connection,
    pid: child.pid ?? 0,
    call: () => connection.sendRequest('server/health', {}),
    end: async () => {
      connection.dispose();
      await kill(child);
      await removeServerFolder(folder);
    },
  };
}

/** Ends a process that was started here. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
