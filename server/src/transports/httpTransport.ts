import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { Router } from '../rpc/router.ts';
import { ConnectionBudget } from './connectionBudget.ts';
import { doorRequestOf, targetOf, type DoorBearer, type Exchange, type Guard } from './door.ts';
import { EventStreams } from './eventStreams.ts';
import { callMethod, describeMethods } from './httpCalls.ts';
import { sendJson, sendRefusal, sendText, type HttpRefusal } from './httpAnswer.ts';
import { WebSocketTransport } from './webSocketTransport.ts';

const headersTimeoutMs = 10_000;
/** A body of 4 MiB has this long to arrive. */
const bodyTimeoutMs = 30_000;
/** How often the library looks for connections that are over one of these limits. */
const checkEveryMs = 1_000;
const maxHeaderBytes = 16 * 1024;

export interface HttpTransportOptions {
  readonly router: Router;
  readonly guard: Guard;
  /** Whom everybody is told to that something has changed. */
  readonly clients: { add(client: Client): void };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly health: () => { status: string };
  /** The numbers of this server in Prometheus' text format. */
  readonly metrics: () => Promise<{ contentType: string; text: string }>;
  readonly openApi: () => string;
  /** Loopback only; hosts beyond it need TLS, which this transport does not have yet. */
  readonly host: '127.0.0.1' | '::1';
  /** 0 takes any free port. */
  readonly port: number;
}

/** What a path answers to somebody who has been let in. */
type Route = (exchange: Exchange, bearer: DoorBearer) => Promise<void> | void;

/**
 * The one door for everybody who has not started this server: HTTP calls, server-sent events and WebSockets on one port.
 * The order of checks is: connections, Host, Origin, token, then what the path is. Only `GET /health` needs no token.
 */
export class HttpTransport implements Disposable {
  private readonly options: HttpTransportOptions;
  private readonly server: http.Server;
  private readonly budget: ConnectionBudget;
  private readonly webSockets: WebSocketTransport;
  private readonly eventStreams: EventStreams;
  private readonly routes: Readonly<Record<string, Route>>;

  constructor(options: HttpTransportOptions) {
    this.options = options;
    const { router, clients, clock, logger, guard } = options;
    const shared = { router, clients, clock, logger, watch: guard.watch.bind(guard) };
    this.budget = new ConnectionBudget(clock);
    this.webSockets = new WebSocketTransport(shared);
    this.eventStreams = new EventStreams(shared);
    this.routes = this.createRoutes();
    const limits = { headersTimeout: headersTimeoutMs, requestTimeout: bodyTimeoutMs, maxHeaderSize: maxHeaderBytes };
    this.server = http.createServer({ ...limits, connectionsCheckingInterval: checkEveryMs }, (request, response) => {
      void this.answer(request, response);
    });
    this.server.on('error', (error) => logger.warn('The listener failed', { error }));
    this.server.on('connection', (socket: Socket) => this.budget.accept(socket));
    this.server.on('upgrade', (request: http.IncomingMessage, _stream: Duplex, head: Buffer) => {
      void this.upgrade(request, request.socket, head);
    });
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
    return `http://${host.includes(':') ? `[${host}]` : host}:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many are connected now, by what they speak. */
  connections(): { readonly open: number; readonly webSockets: number; readonly eventStreams: number } {
    return { open: this.budget.size, webSockets: this.webSockets.size, eventStreams: this.eventStreams.size };
  }

  dispose(): void {
    this.server.close();
    this.webSockets.dispose();
    this.eventStreams.dispose();
    this.budget.dispose();
  }

  private createRoutes(): Readonly<Record<string, Route>> {
    const { router, openApi, metrics } = this.options;
    return {
      '/api': ({ response }, { scope }) => sendJson(response, 200, { methods: describeMethods(router.methods(scope)) }),
      '/openapi.json': ({ response }) => sendText(response, 'application/json; charset=utf-8', openApi()),
      '/metrics': async ({ response }) => {
        const { contentType, text } = await metrics();
        sendText(response, contentType, text);
      },
      '/events': (exchange, bearer) => this.eventStreams.open(exchange, bearer),
    };
  }

  /** Never rejects: what fails unexpectedly is logged and answered as `Internal`. */
  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    try {
      await this.route(request, response);
    } catch (error) {
      if (response.destroyed) return;
      if (error instanceof CodedError && !response.headersSent) {
        sendRefusal(response, { reason: error.reason, message: error.message });
        return;
      }
      this.options.logger.error('An HTTP request failed', { error });
      if (response.headersSent) response.destroy();
      else sendRefusal(response, { reason: 'Internal', message: 'The server failed on this request.' });
    }
  }

  private async route(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { path, query } = targetOf(request);
    const refusal = this.options.guard.checkAddress(doorRequestOf(request));
    if (refusal) {
      sendRefusal(response, refusal);
      return;
    }
    if (path === '/health') {
      if (request.method === 'GET') sendJson(response, 200, { status: this.options.health().status });
      else sendRefusal(response, useMethod('GET'));
      return;
    }
    const bearer = await this.authenticate(request);
    if ('reason' in bearer) {
      sendRefusal(response, bearer);
      return;
    }
    const exchange = { request, response, path, query };
    if (path.startsWith('/api/')) {
      if (request.method === 'POST') await this.callWatched(exchange, bearer);
      else sendRefusal(response, useMethod('POST'));
      return;
    }
    const route = Object.hasOwn(this.routes, path) ? this.routes[path] : undefined;
    if (!route) sendRefusal(response, { reason: 'NotFound', message: 'There is nothing here.' });
    else if (request.method === 'GET') await route(exchange, bearer);
    else sendRefusal(response, useMethod('GET'));
  }

  /** A call ends with the token that it came in with. */
  private async callWatched(exchange: Exchange, bearer: DoorBearer): Promise<void> {
    const { response } = exchange;
    const watching = this.options.guard.watch(bearer, () => response.destroy());
    response.once('close', () => watching.dispose());
    await callMethod(this.options.router, exchange, bearer);
  }

  private async upgrade(request: http.IncomingMessage, stream: Socket, head: Buffer): Promise<void> {
    // Node has taken its own listener off, and an error that nobody hears ends the process.
    stream.on('error', () => stream.destroy());
    try {
      const refusal = this.options.guard.checkAddress(doorRequestOf(request)) ?? (await this.admit(request));
      if ('tokenId' in refusal) this.webSockets.accept(request, stream, head, refusal);
      else refuseUpgrade(request, stream, refusal);
    } catch (error) {
      this.options.logger.error('A WebSocket could not be opened', { error });
      stream.destroy();
    }
  }

  private async admit(request: http.IncomingMessage): Promise<DoorBearer | HttpRefusal> {
    const bearer = await this.authenticate(request);
    if ('reason' in bearer) return bearer;
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    if (targetOf(request).path === '/ws' && isWebSocket) return bearer;
    return { reason: 'NotFound', message: 'WebSockets are opened at /ws.' };
  }

  private async authenticate(request: http.IncomingMessage): Promise<DoorBearer | HttpRefusal> {
    const bearer = await this.options.guard.authenticate(doorRequestOf(request));
    if (!('reason' in bearer)) this.budget.recognize(request.socket);
    return bearer;
  }
}

function useMethod(method: string): HttpRefusal {
  return { reason: 'MethodNotAllowed', message: `Use ${method}.` };
}

/** Answers over HTTP in the place of the WebSocket that is not opened. */
function refuseUpgrade(request: http.IncomingMessage, stream: Socket, refusal: HttpRefusal): void {
  const response = new http.ServerResponse(request);
  response.assignSocket(stream);
  response.setHeader('Connection', 'close');
  // What is still on its way is thrown away: while it waits unread, the end of the stream would never be seen.
  stream.resume();
  response.once('finish', () => stream.destroySoon());
  sendRefusal(response, refusal);
}
