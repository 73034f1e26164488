import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { createInterface } from 'node:readline';
import { serverBundle, serverEnvironment } from './stdioServer.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Empty where the answer is no JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What is other than usual about a server that is started. */
export interface HttpServerOptions {
  /** Over TLS, whose certificates are believed, in PEM. */
  readonly ca?: string;
  /** The program; the one in `dist/` where left out. */
  readonly bundle?: string;
  /** Added to the environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes what the server logs; it goes to this process' own log where left out. */
  readonly onLog?: (chunk: string) => void;
}

/** `ai-dev-assistant serve` with its token at hand. The owner calls `stop`. */
export class HttpServer {
  readonly child: ChildProcess;
  readonly url: URL;
  readonly token: string;
  readonly tokenFile: string;
  /** Whose certificates a client believes. */
  readonly ca: string | undefined;
  /** The first line on stdout. */
  readonly record: Readonly<Record<string, unknown>>;

  static async start(
    dataFolder: string,
    args: readonly string[] = [],
    { ca, bundle = serverBundle, environment = {}, onLog }: HttpServerOptions = {},
  ): Promise<HttpServer> {
    const child = spawn(process.execPath, [bundle, 'serve', ...args], {
      env: { ...serverEnvironment(dataFolder), ...environment },
      stdio: ['ignore', 'pipe', onLog ? 'pipe' : 'inherit'],
    });
    assert.ok(child.stdout);
    if (onLog) child.stderr?.on('data', (chunk: Buffer) => onLog(chunk.toString()));
    const [line] = (await Promise.race([
      once(createInterface(child.stdout), 'line'),
      once(child, 'exit').then(() => assert.fail('serve ended at once')),
    ])) as [string];
    const record = JSON.parse(line) as { url: string; tokenFile: string } & Record<string, unknown>;
    return new HttpServer(child, record, ca);
  }

  private constructor(
    child: ChildProcess,
    record: { url: string; tokenFile: string } & Record<string, unknown>,
    ca: string | undefined,
  ) {
    this.child = child;
    this.ca = ca;
    this.url = new URL(record.url);
    this.record = record;
    this.tokenFile = record.tokenFile;
    this.token = readFileSync(record.tokenFile, 'utf8').trim();
  }

  /** Calls `method` as a script would, token and all. */
  call(method: string, params: unknown): Promise<HttpAnswer> {
    return this.send({ path: `/api/${method}`, body: JSON.stringify(params) });
  }

  /** Sends any request; what is left out is as a well-behaved client has it, and a header that is null is left off. */
  send(request: {
    path: string;
    method?: string;
    headers?: Readonly<Record<string, string | null>>;
    body?: string | Buffer;
  }): Promise<HttpAnswer> {
    const headers: Record<string, string | null> = {
      host: this.url.host,
      authorization: `Bearer ${this.token}`,
      'content-type': 'application/json',
      // The library sends the body of a GET without saying that it is one.
      ...(request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }),
      ...request.headers,
    };
    const present = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null);
    return new Promise((resolve, reject) => {
      const { request: begin } = this.url.protocol === 'https:' ? https : http;
      const sent = begin({
        host: this.url.hostname.replace(/^\[|\]$/g, ''),
        // Else the library takes the name whose certificate it wants from the header Host.
        servername: '',
        ca: this.ca,
        port: this.url.port,
        path: request.path,
        method: request.method ?? 'POST',
        headers: Object.fromEntries(present),
        setHost: false,
        agent: false,
      });
      // Who asks for a WebSocket and gets one sees the status alone.
      sent.on('upgrade', ({ statusCode = 0, headers: answered }, socket) => {
        socket.destroy();
        resolve({ status: statusCode, headers: answered, body: {}, text: '' });
      });
      sent.on('response', (response) => {
        let text = '';
        // It never ends.
        if (response.headers['content-type']?.startsWith('text/event-stream') === true) {
          sent.destroy();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: {}, text });
          return;
        }
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
          const body = isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {};
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, text });
        });
      });
      sent.on('error', reject);
      sent.end(request.body);
    });
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    return this.child.exitCode;
  }
}
