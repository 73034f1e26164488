import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { declarationOf } from '../../protocol/contract.ts';
import { CodedError, errorTable, type ErrorReason } from '../../protocol/errors.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { Answer, Router } from '../rpc/router.ts';
import { bytesToBase64 } from './wireBytes.ts';

/** A prompt of 1 MiB of text, escaped, with room. */
const maxBodyBytes = 4 * 1024 * 1024;
const maxConnections = 256;
const headersTimeoutMs = 10_000;
/** A body of 4 MiB has this long to arrive. */
const bodyTimeoutMs = 30_000;

/** What the guard of the listener decides from, before anything of the body is read. */
export interface RequestGuard {
  /** Null to go on, else why the Host or Origin header is refused. */
  checkOrigin(headers: http.IncomingHttpHeaders, port: number): 'BadHost' | 'BadOrigin' | null;
  /** Whether the request shows the token. */
  authenticate(authorization: string | undefined): boolean;
}

/** A request that was sent away at the door. */
export interface RefusedRequest {
  readonly reason: 'BadHost' | 'BadOrigin' | 'Unauthenticated';
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly remoteAddress: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

export interface HttpTransportOptions {
  readonly router: Router;
  readonly guard: RequestGuard;
  readonly logger: Logger;
  readonly health: () => { status: string };
  /** Told of each request that did not show that it may come in. */
  readonly onRefused: (request: RefusedRequest) => void;
  /** Loopback only; hosts beyond it need TLS, which this transport does not have yet. */
  readonly host: '127.0.0.1' | '::1';
  /** 0 takes any free port. */
  readonly port: number;
}

/**
 * `POST /api/<noun>/<verb>` with the params as JSON. The order of checks is Host, Origin, token, then the rest; only
 * `GET /health` needs no token.
 */
export class HttpTransport implements Disposable {
  private readonly options: HttpTransportOptions;
  private readonly server: http.Server;
  private nextClient = 0;

  constructor(options: HttpTransportOptions) {
    this.options = options;
    this.server = http.createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => {
        options.logger.error('An HTTP request failed', { error });
        if (response.headersSent) response.destroy();
        else sendError(response, 'Internal', 'The server failed on this request.');
      });
    });
    this.server.maxConnections = maxConnections;
    this.server.headersTimeout = headersTimeoutMs;
    this.server.requestTimeout = bodyTimeoutMs;
  }

  /** Starts to listen and gives the base URL. Rejects with a `CodedError` when the port cannot be had. */
  async listen(): Promise<string> {
    const { host, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'another program uses it: choose another with --port' : error.message;
        reject(new CodedError('Unavailable', `Cannot listen on port ${port}: ${why}.`, { cause: error }));
      });
      this.server.listen(port, host, resolve);
    });
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.port()}`;
  }

  dispose(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  private async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { guard, health, router } = this.options;
    // Where a header stands twice, the two ends of a proxy may each believe another one.
    const { host, origin } = request.headersDistinct;
    const isAmbiguous = host?.length !== 1 || (origin?.length ?? 0) > 1;
    const refusal = isAmbiguous ? 'BadHost' : guard.checkOrigin(request.headers, this.port());
    if (refusal !== null) {
      this.tellRefused(refusal, request);
      refuse(request, response, refusal, 'This address does not answer requests from there.');
      return;
    }
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    if (path === '/health') {
      if (request.method !== 'GET') {
        refuse(request, response, 'MethodNotAllowed', 'Use GET.');
        return;
      }
      sendJson(response, 200, { status: health().status });
      return;
    }
    if (!guard.authenticate(request.headers.authorization)) {
      this.tellRefused('Unauthenticated', request);
      response.setHeader('WWW-Authenticate', 'Bearer');
      refuse(request, response, 'Unauthenticated', 'Send the token as "Authorization: Bearer <token>".');
      return;
    }
    if (path === '/api') {
      if (request.method !== 'GET') {
        refuse(request, response, 'MethodNotAllowed', 'Use GET.');
        return;
      }
      sendJson(response, 200, { methods: router.methods().map(describeMethod) });
      return;
    }
    if (!path.startsWith('/api/')) {
      refuse(request, response, 'NotFound', 'There is nothing here.');
      return;
    }
    if (request.method !== 'POST') {
      refuse(request, response, 'MethodNotAllowed', 'Use POST.');
      return;
    }
    if (!/^application\/json(?:;\s*charset=utf-8)?$/i.test(request.headers['content-type'] ?? '')) {
      refuse(request, response, 'UnsupportedMediaType', 'Send the params as application/json.');
      return;
    }
    return this.call(path.slice('/api/'.length), request, response);
  }

  private tellRefused(reason: RefusedRequest['reason'], request: http.IncomingMessage): void {
    const { host, origin } = request.headers;
    const remoteAddress = request.socket.remoteAddress ?? 'unknown';
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    this.options.onRefused({ reason, method: request.method ?? '', path, remoteAddress, host, origin });
  }

  private async call(method: string, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const body = await readBody(request);
    if (body === undefined) {
      refuse(request, response, 'TooLarge', `A body may have ${maxBodyBytes} bytes at most.`);
      return;
    }
    let params: unknown;
    try {
      params = body === '' ? {} : JSON.parse(body);
    } catch {
      sendError(response, 'ParseError', 'The body is not valid JSON.');
      return;
    }
    const client = this.client(response);
    const answer = await this.options.router.request(client, method, params, gone.signal);
    if (!response.destroyed) sendAnswer(response, answer);
  }

  /** One client a request: it cannot be asked anything, and takes no notifications. */
  private client(response: http.ServerResponse): Client {
    return {
      id: `http-${++this.nextClient}`,
      kind: 'http',
      // There is one for the data folder.
      tokenName: 'dataFolder',
      notify: () => undefined,
      request: (method) => {
        return Promise.reject(new CodedError('Unsupported', `A client over HTTP cannot answer ${method}.`));
      },
      onClosed(listener) {
        response.once('close', listener);
        return { dispose: () => response.off('close', listener) };
      },
    };
  }
}

/** A method with JSON Schemas of what it takes and gives. */
function describeMethod(method: string): object {
  const declaration = declarationOf(method);
  if (declaration?.kind !== 'request') return { method };
  const { summary, scope, params, result } = declaration;
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output') =>
    z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return { method, summary, scope, params: schemaOf(params, 'input'), result: schemaOf(result, 'output') };
}

/** The whole body, or undefined where it is larger than allowed. */
async function readBody(request: http.IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Answers without reading the body, so the connection cannot be used again. */
function refuse(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  reason: ErrorReason,
  message: string,
): void {
  response.setHeader('Connection', 'close');
  response.once('finish', () => request.destroy());
  sendError(response, reason, message);
}

function sendAnswer(response: http.ServerResponse, answer: Answer): void {
  if ('result' in answer) {
    sendJson(response, 200, bytesToBase64(answer.result ?? {}));
    return;
  }
  const { data, message } = answer.error;
  const retryAfterMs = data.reason === 'RateLimited' ? data.args?.['retryAfterMs'] : undefined;
  if (typeof retryAfterMs === 'number') response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1000));
  sendJson(response, errorTable[data.reason].httpStatus, {
    error: data.reason,
    message,
    correlationId: data.correlationId,
  });
}

function sendError(response: http.ServerResponse, reason: ErrorReason, message: string): void {
  sendJson(response, errorTable[reason].httpStatus, { error: reason, message, correlationId: '' });
}

function sendJson(response: http.ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(JSON.stringify(body));
}
