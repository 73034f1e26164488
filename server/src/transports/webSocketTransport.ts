import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createMessageConnection, type CancellationToken, type MessageConnection } from 'vscode-jsonrpc/node';
import { WebSocketServer, type WebSocket } from 'ws';
import { CodedError } from '../../protocol/errors.ts';
import type { ParamsOf } from '../../protocol/contract.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { toWireError } from '../rpc/errorBoundary.ts';
import type { Router } from '../rpc/router.ts';
import type { DoorBearer } from './door.ts';
import { abortControllerOf, asResponse, requestOf } from './jsonRpcPeer.ts';
import { encodeOutputFrame } from './terminalFrame.ts';
import { closeCodes, WebSocketReader, WebSocketWriter } from './webSocketChannel.ts';
import { bytesToBase64 } from './wireBytes.ts';

/** What a browser names among its subprotocols beside `bearer.<token>`; the one that is answered. */
export const subprotocol = 'ai-dev-assistant.v1';

const maxMessageBytes = 4 * 1024 * 1024;
const pingEveryMs = 20_000;
/** Who is sent away has this long to answer. */
const goodbyeMs = 1_000;
/** Requests of one client that are being answered; the next one is refused. */
const maxInFlight = 256;

export interface WebSocketTransportOptions {
  readonly router: Router;
  /** Whom everybody is told to that something has changed. */
  readonly clients: { add(client: Client): void };
  /** Calls `onEnded` once when the bearer's token holds no more. */
  readonly watch: (bearer: DoorBearer, onEnded: () => void) => Disposable;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * JSON-RPC 2.0 over WebSocket: one text frame a message, terminal output as binary frames. Nothing is compressed, since a
 * small frame can unpack to a large one. Who does not answer a ping until the next one is cut off.
 */
export class WebSocketTransport implements Disposable {
  private readonly options: WebSocketTransportOptions;
  private readonly server: WebSocketServer;
  private nextClient = 0;

  constructor(options: WebSocketTransportOptions) {
    this.options = options;
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    });
  }

  /** Clients that are connected. */
  get size(): number {
    return this.server.clients.size;
  }

  /** Opens the WebSocket of a client that has been let in. What is no proper handshake is answered 400. */
  accept(request: IncomingMessage, stream: Duplex, head: Buffer, bearer: DoorBearer): void {
    this.server.handleUpgrade(request, stream, head, (socket) => this.serve(socket, bearer));
  }

  dispose(): void {
    for (const socket of this.server.clients) {
      socket.close(closeCodes.goingAway, 'The server ends.');
      socket.terminate();
    }
    this.server.close();
  }

  private serve(socket: WebSocket, bearer: DoorBearer): void {
    const { router, clients, watch } = this.options;
    const id = `webSocket-${++this.nextClient}`;
    const logger = this.options.logger.child({ client: id });
    const writer = new WebSocketWriter(socket, logger);
    const connection = createMessageConnection(new WebSocketReader(socket, writer), writer, silent);
    const closed = new Emitter<undefined>((error) => logger.error('A listener for a closed client failed', { error }));
    const client = createClient({ id, bearer, connection, writer, closed });
    const store = new DisposableStore();
    const leave = (): void => {
      if (store.isDisposed) return;
      store.dispose();
      closed.fire(undefined);
      connection.dispose();
    };
    socket.on('error', (error) => logger.info('A WebSocket failed', { detail: error.message }));
    socket.once('close', (code) => {
      logger.debug('A WebSocket was closed', { code });
      leave();
    });
    store.add(
      watch(bearer, () => {
        // Nothing that it still sends or has sent is done.
        leave();
        socket.close(closeCodes.policy, 'The token does not hold any more.');
        this.options.clock.after(goodbyeMs, () => socket.terminate());
      }),
    );
    store.add(new Heartbeat(socket, this.options.clock));
    answerRequests(connection, router, client, logger);
    connection.onNotification((method, params) => void router.notification(client, method, params));
    clients.add(client);
    connection.listen();
    logger.debug('A WebSocket was opened', { tokenId: bearer.tokenId, scope: bearer.scope });
  }
}

function answerRequests(connection: MessageConnection, router: Router, client: Client, logger: Logger): void {
  let inFlight = 0;
  const running = new Set<AbortController>();
  client.onClosed(() => {
    for (const controller of running) controller.abort();
  });
  connection.onRequest(async (method: string, params: unknown, token: CancellationToken) => {
    if (inFlight >= maxInFlight) {
      const message = `${maxInFlight} requests of this client are not answered yet. Wait for them.`;
      const refusal = new CodedError('ResourceLimit', message);
      return asResponse(toWireError(refusal, { method: 'a request', correlationId: client.id, logger }));
    }
    inFlight += 1;
    const controller = abortControllerOf(token);
    running.add(controller);
    try {
      const answer = await router.request(client, method, params, controller.signal);
      return 'error' in answer ? asResponse(answer.error) : bytesToBase64(answer.result as object);
    } finally {
      inFlight -= 1;
      running.delete(controller);
    }
  });
}

/** The library's own log lines say nothing that is not told otherwise. */
const silent = { error: () => undefined, warn: () => undefined, info: () => undefined, log: () => undefined };

/** Ends a connection whose other end does not answer. */
class Heartbeat implements Disposable {
  private readonly socket: WebSocket;
  private readonly clock: Clock;
  private hasAnswered = true;
  private timer: Disposable;

  constructor(socket: WebSocket, clock: Clock) {
    this.socket = socket;
    this.clock = clock;
    for (const sign of ['pong', 'message']) socket.on(sign, () => (this.hasAnswered = true));
    this.timer = this.schedule();
  }

  dispose(): void {
    this.timer.dispose();
  }

  private schedule(): Disposable {
    return this.clock.after(pingEveryMs, () => {
      if (!this.hasAnswered) {
        this.socket.terminate();
        return;
      }
      this.hasAnswered = false;
      this.socket.ping();
      this.timer = this.schedule();
    });
  }
}

function createClient(parts: {
  readonly id: string;
  readonly bearer: DoorBearer;
  readonly connection: MessageConnection;
  readonly writer: WebSocketWriter;
  readonly closed: Emitter<undefined>;
}): Client {
  const { id, bearer, connection, writer, closed } = parts;
  return {
    id,
    kind: 'webSocket',
    scope: bearer.scope,
    tokenId: bearer.tokenId,
    notify(method, params) {
      if (method === 'terminal/output') {
        const { sessionId, offset, data } = params as ParamsOf<'terminal/output'>;
        if (data instanceof Uint8Array) {
          void writer.send(encodeOutputFrame(sessionId, offset, data));
          return;
        }
      }
      void writer.write({ jsonrpc: '2.0', method, params: bytesToBase64(params) });
    },
    request: (method, params, signal) => requestOf(connection, method, params, signal),
    onClosed: (listener) => closed.on(listener),
  };
}
