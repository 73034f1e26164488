import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { HttpServer } from '../../support/httpServer.ts';
import type { Program } from '../forkedServer.ts';
import { peerProgram } from '../peerProgram.ts';
import { HttpConnections } from './httpConnections.ts';
import { createServerFolder, removeServerFolder } from './serverFolder.ts';
import { kill, type Subject } from './subject.ts';

/** Our `serve`, or the bare peer with its `node:http` and `ws`. The owner calls `end`. */
export interface Door {
  readonly pid: number;
  readonly port: number;
  /** Headers that let one in. */
  readonly headers: Readonly<Record<string, string>>;
  /** There for ours only. */
  readonly server?: HttpServer;
  end(): Promise<void>;
}

export async function openDoor(program: Program): Promise<Door> {
  if (program === 'bare') return openBareDoor();
  const folder = createServerFolder();
  const server = await HttpServer.start(folder, ['--log-level', 'off']);
  return {
    server,
    pid: server.child.pid ?? 0,
    port: Number(server.url.port),
    headers: { authorization: `Bearer ${server.token}` },
    end: async () => {
      await server.stop();
      await removeServerFolder(folder);
    },
  };
}

async function openBareDoor(): Promise<Door> {
  const child = spawn(process.execPath, [await peerProgram('bareRpc'), 'door'], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  assert.ok(child.stdout);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { pid: child.pid ?? 0, port: Number(new URL(line).port), headers: {}, end: () => kill(child) };
}

/** Opens a WebSocket at a door, without compression, as both have it. */
export async function openWebSocket({ port, headers }: Door): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers, perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

/** Calls over one WebSocket, which ends with its door. All calls are the same, so that it does not matter which answer is whose. */
export async function webSocketSubject(door: Door): Promise<Subject> {
  const socket = await openWebSocket(door);
  const waiting: PromiseWithResolvers<undefined>[] = [];
  let id = 0;
  socket.on('message', (data: Buffer) => {
    const call = waiting.shift();
    if (data.includes('"error"')) call?.reject(new Error(`A call over WebSocket failed: ${data.toString()}`));
    else call?.resolve(undefined);
  });
  socket.on('close', (code) => {
    for (const call of waiting.splice(0)) call.reject(new Error(`The WebSocket was closed with ${code}`));
  });
  return {
    pid: door.pid,
    call() {
      const call = Promise.withResolvers<undefined>();
      waiting.push(call);
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: ++id, method: 'server/health', params: {} }));
      return call.promise;
    },
  };
}

/** Calls of `server/health`, or of what needs no token, over HTTP connections that are kept open until `rest`. */
export function httpSubject(door: Door, path: '/api/server/health' | '/health'): Subject {
  const headers = { host: `127.0.0.1:${door.port}`, ...door.headers };
  const connections = new HttpConnections(door.port, { path, headers, body: path === '/health' ? undefined : '{}' });
  return {
    pid: door.pid,
    call: () => connections.call(),
    rest: () => connections.close(),
  };
}
