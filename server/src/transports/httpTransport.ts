import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Bearer, DoorRequest } from '../base/door.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { Router } from '../rpc/router.ts';
import { AnswerLimits } from './answerLimits.ts';
import { ByteBudget, type ByteLimits } from './byteBudget.ts';
import { ConnectionBudget } from './connectionBudget.ts';
import { doorRequestOf, targetOf, upgradeRequestOf, type Exchange, type Guard } from './door.ts';
import { EventStreams } from './eventStreams.ts';
import { callMethod, describeMethods } from './httpCalls.ts';
import { sendJson, sendRefusal, sendText, type HttpRefusal } from './httpAnswer.ts';
import {
  createListener,
  defaultTimes,
  serveWithoutUpgrade,
  type ClientTimes,
  type Listener,
  type TlsSource,
} from './listener.ts';
import { loggedRefusal, refusalOfError } from './loggedRefusal.ts';
import { preflightRefusal } from './preflight.ts';
import { answerUnreadable } from './unreadableRequests.ts';
import { refuseUpgrade, useMethod } from './upgradeRefusal.ts';
import { waitingLimits } from './waitingBytes.ts';
import { WebSocketTransport } from './webSocketTransport.ts';

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
  /** The description in OpenAPI of the server at `url`. */
  readonly openApi: (url: string) => string;
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Name or address under which clients reach it, as in a URL. */
  readonly servedHost: string;
  /** Without it nothing is encrypted, which is for loopback only. */
  readonly tls?: TlsSource | undefined;
  /** `defaultTimes` where left out. */
  readonly times?: ClientTimes;
}

const mib = 1024 * 1024;
/** What may come of a connection on which an upgrade waits for the answers before it, until nothing more is read. */
const maxEarlyBytes = 64 * 1024;
/** What is held of bodies and messages that have not come to their end. */
const unfinishedLimits: ByteLimits = { ofOwner: 256 * mib, ofGuest: 32 * mib, ofGuests: 128 * mib };

/** What a path answers to somebody who has been let in. */
type Route = (exchange: Exchange, bearer: Bearer) => Promise<void> | void;

/**
 * The one door for everybody who has not started this server: HTTP calls, server-sent events and WebSockets on one port.
 * The order of checks is: connections, Host, Origin, token, then what the path is. Only `GET /health` needs no token.
 */
export class HttpTransport implements Disposable {
  private readonly options: HttpTransportOptions;
  private readonly server: Listener;
  private readonly store = new DisposableStore();
  private readonly budget: ConnectionBudget;
  private readonly unfinished = new ByteBudget(unfinishedLimits);
  private readonly answers: AnswerLimits;
  private readonly webSockets: WebSocketTransport;
  private readonly eventStreams: EventStreams;
  private readonly routes: Readonly<Record<string, Route>>;

  constructor(options: HttpTransportOptions) {
    this.options = options;
    const { router, clients, clock, logger, guard, times = defaultTimes } = options;
    const waiting = new ByteBudget(waitingLimits);
    const shared = { router, clients, clock, logger, waiting, watch: guard.watch.bind(guard) };
    this.budget = new ConnectionBudget(clock);
    this.answers = new AnswerLimits({ unreadAnswerMs: times.unreadAnswerMs, waiting, logger });
    this.webSockets = new WebSocketTransport({ ...shared, unfinished: this.unfinished });
    this.eventStreams = new EventStreams({ ...shared, answers: this.answers });
    this.routes = this.createRoutes();
    this.server = createListener(options.tls?.identity, times);
    this.listenForRequests();
    this.takeNewIdentities();
  }

  /** Starts to listen and gives the base URL. Rejects with a `CodedError` when the port cannot be had. */
  async listen(): Promise<string> {
    const { host, port, servedHost, tls } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => {
        const why = whyNot[error.code ?? ''] ?? error.message;
        reject(new CodedError('Unavailable', `Cannot listen on port ${port} of ${host}: ${why}.`, { cause: error }));
      });
      this.server.listen(port, host, resolve);
    });
    return `${tls ? 'https' : 'http'}://${servedHost}:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many are connected now, by what they speak. */
  connections(): { readonly open: number; readonly webSockets: number; readonly eventStreams: number } {
    return { open: this.budget.size, webSockets: this.webSockets.size, eventStreams: this.eventStreams.size };
  }

  dispose(): void {
    this.store.dispose();
    this.server.close();
    this.webSockets.dispose();
    this.eventStreams.dispose();
    this.budget.dispose();
  }

  private listenForRequests(): void {
    const { logger } = this.options;
    const { server } = this;
    const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      void this.answer(request, response);
    };
    server.on('request', answer);
    // Who asks whether it may send a body is told once it is clear that anybody wants it.
    server.on('checkContinue', answer);
    // Any other expectation may be passed over, but nobody may pass by the checks with one.
    server.on('checkExpectation', answer);
    answerUnreadable(server);
    server.on('error', (error: Error) => logger.warn('The listener failed', { error }));
    server.on('connection', (socket: Socket) => this.budget.accept(socket));
    const upgrade = (request: http.IncomingMessage, _stream: Duplex, head: Buffer): void => {
      void this.upgrade(request, head);
    };
    server.on('upgrade', upgrade);
    // Node hangs up on who asks for a tunnel where nobody listens for that.
    server.on('connect', upgrade);
  }

  /** Who comes from then on is shown the new certificate; who is connected already stays. */
  private takeNewIdentities(): void {
    const { server } = this;
    const { tls, logger } = this.options;
    if (!tls || !(server instanceof https.Server)) return;
    this.store.add(
      tls.onChanged((identity) => {
        server.setSecureContext({ ...identity, minVersion: 'TLSv1.2' });
        logger.info('The certificate was read again');
      }),
    );
  }

  private createRoutes(): Readonly<Record<string, Route>> {
    const { router, openApi, metrics, tls } = this.options;
    return {
      '/api': ({ response }, { scope }) =>
        sendJson(response, 200, { methods: describeMethods(router.methods({ scope, kind: 'http' })) }),
      '/openapi.json': ({ request, response }) => {
        // The guard has found it to be a name of this server.
        const { host = '' } = request.headers;
        sendText(response, 'application/json; charset=utf-8', openApi(`${tls ? 'https' : 'http'}://${host}`));
      },
      '/metrics': async ({ response }) => {
        const { contentType, text } = await metrics();
        sendText(response, contentType, text);
      },
      '/events': (exchange, bearer) => this.eventStreams.open(exchange, bearer),
    };
  }

  /** Never rejects: what fails unexpectedly is logged and answered as `Internal`. */
  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (!this.answers.admit({ request, response })) return;
    try {
      await this.route(request, response);
    } catch (error) {
      if (response.destroyed) return;
      const refusal = refusalOfError(this.options.router, targetOf(request).path, error);
      if (response.headersSent) response.destroy();
      else sendRefusal(response, refusal);
    }
  }

  private async route(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { path, query } = targetOf(request);
    const shown = doorRequestOf(request);
    const refusal = this.options.guard.checkAddress(shown);
    if (refusal) {
      // Such requests count against nobody, so that who knows no token gets one answer a connection.
      if (this.budget.strangerOn(request.socket)) this.answers.endWith({ request, response });
      sendRefusal(response, refusal);
      return;
    }
    const preflight = preflightRefusal(request);
    if (preflight || path === '/health') {
      this.admitStranger({ request, response, path });
      if (preflight) sendRefusal(response, preflight);
      // Of an answer to HEAD the library sends the headers alone.
      else if (request.method === 'GET' || request.method === 'HEAD')
        sendJson(response, 200, { status: this.options.health().status });
      else sendRefusal(response, useMethod('GET', 'HEAD'));
      return;
    }
    const bearer = await this.authenticate(request, shown);
    if ('reason' in bearer) {
      this.admitStranger({ request, response, path });
      if (bearer.reason === 'ResourceLimit') this.answers.endWith({ request, response });
      sendRefusal(response, bearer);
      return;
    }
    const exchange = { request, response, path, query };
    // An event stream says that it ends, and why.
    if (path !== '/events') this.endWithToken(exchange, bearer);
    await this.serve(exchange, bearer);
    this.answers.count(exchange, bearer);
  }

  /** Answers who has been let in. */
  private async serve(exchange: Exchange, bearer: Bearer): Promise<void> {
    const { request, response, path } = exchange;
    const isCall = path.startsWith('/api/') && request.method === 'POST';
    if (isCall) {
      // The router counts it, since some methods are free.
      await callMethod(exchange, bearer, { ...this.options, unfinished: this.unfinished });
      return;
    }
    this.admit(bearer, path);
    const route = Object.hasOwn(this.routes, path) ? this.routes[path] : undefined;
    const refuse = (why: HttpRefusal): void => sendRefusal(response, loggedRefusal(this.options.router, path, why));
    if (path.startsWith('/api/')) refuse(useMethod('POST'));
    else if (!route) refuse(nothingHere);
    else if (request.method === 'GET') await route(exchange, bearer);
    else refuse(useMethod('GET'));
  }

  /** An answer ends with the token that asked for it, a turn later: by then one that has rotated its own token is answered. */
  private endWithToken({ request, response }: Exchange, bearer: Bearer): void {
    const watching = this.options.guard.watch(bearer, () => setImmediate(() => request.socket.destroy()));
    response.once('close', () => watching.dispose());
  }

  /** Never rejects. What came before on the connection is answered first, since answers go out in the order of requests. */
  private async upgrade(request: http.IncomingMessage, head: Buffer): Promise<void> {
    const { socket } = request;
    // Node has taken its own listener off, and an error that nobody hears ends the process.
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    if (this.answers.passesOver(socket)) return;
    const rest = this.answers.allSent(socket) ? head : await this.waitForAnswers(socket, head);
    if (socket.destroyed) return;
    // The parser that has read the request leaves the time that it gives a client for the next one.
    socket.setTimeout(0);
    const asksForMore = request.method === 'CONNECT' || request.headers.upgrade?.toLowerCase() === 'websocket';
    if (asksForMore) {
      await this.openWebSocket(request, rest);
      return;
    }
    socket.off('error', onError);
    serveWithoutUpgrade(this.server, request, rest);
  }

  /** Gives what has come meanwhile, behind `head`. Who goes away while answers are made is noticed, as at any other time. */
  private async waitForAnswers(socket: Socket, head: Buffer): Promise<Buffer> {
    const pieces = [head];
    let bytes = head.length;
    const onData = (piece: Buffer): void => {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > maxEarlyBytes) socket.pause();
    };
    const onEnd = (): void => void socket.destroy();
    socket.on('data', onData).once('end', onEnd);
    await this.answers.untilAllSent(socket);
    socket.off('data', onData).off('end', onEnd);
    socket.pause();
    return Buffer.concat(pieces);
  }

  private async openWebSocket(request: http.IncomingMessage, head: Buffer): Promise<void> {
    const { socket } = request;
    const { router } = this.options;
    const { path } = targetOf(request);
    try {
      const shown = upgradeRequestOf(request);
      const refusal = this.options.guard.checkAddress(shown) ?? (await this.authenticate(request, shown));
      if ('reason' in refusal) {
        refuseUpgrade(request, refusal);
        return;
      }
      this.admit(refusal, path);
      if (path === '/ws') {
        this.webSockets.accept(request, socket, head, refusal);
        socket.resume();
      } else {
        const nothing = { reason: 'NotFound', message: 'WebSockets are opened at /ws.' } as const;
        const why = request.method === 'CONNECT' ? useMethod('GET') : nothing;
        refuseUpgrade(request, loggedRefusal(router, path, why));
      }
    } catch (error) {
      const refusal = refusalOfError(router, path, error);
      // What nobody expected may have come when the WebSocket was open already.
      if (error instanceof CodedError) refuseUpgrade(request, refusal);
      else socket.destroy();
    }
  }

  /** Counts a request that calls no method. Throws `RateLimited`. */
  private admit({ tokenId }: Bearer, path: string): void {
    this.options.router.admit({ kind: 'http', tokenId }, path);
  }

  /** Counts a request on a connection that has shown no token yet. Throws `RateLimited`, after which the connection ends. */
  private admitStranger({ request, response, path }: Omit<Exchange, 'query'>): void {
    const stranger = this.budget.strangerOn(request.socket);
    if (!stranger) return;
    try {
      this.options.router.admit(stranger, path);
    } catch (error) {
      this.answers.endWith({ request, response });
      throw error;
    }
  }

  private async authenticate({ socket }: http.IncomingMessage, shown: DoorRequest): Promise<Bearer | HttpRefusal> {
    const bearer = await this.options.guard.authenticate(shown);
    if ('reason' in bearer || this.budget.recognize(socket, bearer)) return bearer;
    return { reason: 'ResourceLimit', message: 'This token has as many connections open as it may. Close some.' };
  }
}

const nothingHere: HttpRefusal = {
  reason: 'NotFound',
  message: 'There is nothing here. GET /openapi.json describes what there is, GET /api lists the methods.',
};

const whyNot: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses it: choose another with --port',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not: choose one above 1023 with --port',
  ENOTFOUND: 'there is no host of that name',
};
