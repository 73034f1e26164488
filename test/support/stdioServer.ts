import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import { FrameSplitter } from '../../server/src/rpc/frameReader.ts';
import { waitFor } from './waitFor.ts';

/** The built server, as a user runs it. */
export const serverBundle = path.resolve(import.meta.dirname, '../../dist/server.js');

export interface WireMessage {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: { readonly reason?: string } };
}

/** The environment of a child server: this one's, with a data folder of its own and no provider's keys. */
export function serverEnvironment(dataFolder: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, AI_DEV_ASSISTANT_HOME: dataFolder };
  for (const name of ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OLLAMA_HOST', 'NODE_OPTIONS'])
    Reflect.deleteProperty(env, name);
  return env;
}

/** `ai-dev-assistant lsp --stdio` with its raw bytes at hand. The owner calls `stop`. */
export class StdioServer {
  readonly child: ChildProcess;
  readonly messages: WireMessage[] = [];
  stderr = '';
  private nextId = 1;

  /** `nodeArguments` go to Node itself, such as a limit of its memory. */
  constructor(dataFolder: string, nodeArguments: readonly string[] = []) {
    this.child = spawn(process.execPath, [...nodeArguments, serverBundle, 'lsp', '--stdio'], {
      env: serverEnvironment(dataFolder),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const splitter = new FrameSplitter();
    this.child.stdout?.on('data', (chunk: Buffer) => {
      for (const body of splitter.push(chunk)) this.messages.push(JSON.parse(body.toString()) as WireMessage);
    });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // Writing to a server that has closed on purpose is what some tests do.
    this.child.stdin?.on('error', () => undefined);
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  sendBytes(bytes: string | Buffer): void {
    this.child.stdin?.write(bytes);
  }

  sendBody(body: string): void {
    this.sendBytes(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  notify(method: string, params: unknown): void {
    this.sendBody(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Sends a request and gives the whole answer, error or result. */
  async request(method: string, params: unknown): Promise<WireMessage> {
    const id = this.nextId++;
    this.sendBody(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return this.answerTo(id);
  }

  answerTo(id: number | string | null): Promise<WireMessage> {
    return waitFor(`an answer to ${String(id)}`, () =>
      this.messages.find((m) => m.id === id && m.method === undefined),
    );
  }

  async initialize(options: object = {}): Promise<WireMessage> {
    const answer = await this.request('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
      initializationOptions: {
        contractVersion: { major: 1, minor: 0 },
        correlationId: 'startup-test',
        workspace: { folders: [], trusted: true },
        settings: {},
        restarts: 0,
        ...options,
      },
    });
    this.notify('initialized', {});
    return answer;
  }

  async result(method: string, params: unknown): Promise<Record<string, unknown>> {
    const answer = await this.request(method, params);
    assert.equal(answer.error, undefined, `${method} failed: ${answer.error?.message ?? ''}`);
    return answer.result as Record<string, unknown>;
  }

  async exit(): Promise<void> {
    if (!this.hasExited) await once(this.child, 'exit');
  }

  async stop(): Promise<void> {
    this.child.stdin?.end();
    if (!this.hasExited) this.child.kill('SIGKILL');
    await this.exit();
  }
}
