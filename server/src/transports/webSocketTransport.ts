import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import {
  createMessageConnection,
  type CancellationToken,
  type MessageConnection,
  type ResponseError,
} from 'vscode-jsonrpc/node';
import { WebSocketServer, type WebSocket } from 'ws';
import { CodedError, type ErrorReason } from '../../protocol/errors.ts';
import type { ParamsOf } from '../../protocol/contract.ts';
import { ClosedEvent } from '../base/closedEvent.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Bearer } from '../base/door.ts';
import type { Client } from '../base/handlers.ts';
import type { Router } from '../rpc/router.ts';
import type { ByteBudget } from './byteBudget.ts';
import { closeCodes } from './closeCodes.ts';
import { targetOf, type StayingClientsOptions } from './door.ts';
import { Heartbeat } from './heartbeat.ts';
import { abortControllerOf, asResponse, requestOf } from './jsonRpcPeer.ts';
import { loggedRefusal } from './loggedRefusal.ts';
import { encodeOutputFrame } from './terminalFrame.ts';
import { UnfinishedMessages } from './unfinishedMessages.ts';
import { handshakeRefusal, refuseUpgrade } from './upgradeRefusal.ts';
import { WebSocketReader } from './webSocketReader.ts';
import { WebSocketWriter } from './webSocketWriter.ts';
import { bytesToBase64 } from './wireBytes.ts';

/** What a browser names among its subprotocols beside `bearer.<token>`; the one that is answered. */
export const subprotocol = 'ai-dev-assistant.v1';

const mib = 1024 * 1024;
const maxMessageBytes = 4 * mib;
/** Who is sent away has this long to answer. */
const goodbyeMs = 1_000;
const tokenHasEnded = 'The token does not hold any more.';
/** Requests of one client that are being answered; the next one is refused. */
const maxInFlight = 256;

export interface WebSocketTransportOptions extends StayingClientsOptions {
  /** What is held of messages that are not complete. */
  readonly unfinished: ByteBudget;
}

/**
 * JSON-RPC 2.0 over WebSocket: one text frame a message, terminal output as binary frames. Nothing is compressed, since a
 * small frame can unpack to a large one. Who does not answer a ping until the next one is cut off.
 */
export class WebSocketTransport implements Disposable {
  private readonly options: WebSocketTransportOptions;
  private readonly server: WebSocketServer;
  private readonly unfinished: UnfinishedMessages;
  private nextClient = 0;

  constructor(options: WebSocketTransportOptions) {
    this.options = options;
    this.unfinished = new UnfinishedMessages(options.clock, options.unfinished);
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      perMessageDeflate: false,
      // The library would answer pings of a client that reads none of the answers, without a bound.
      autoPong: false,
      maxPayload: maxMessageBytes,
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    });
    // Left to itself the library answers with text and without the headers that all answers have.
    this.server.on('wsClientError', (error, _stream, request) => {
      const { path } = targetOf(request);
      refuseUpgrade(request, loggedRefusal(options.router, path, handshakeRefusal(request, error.message)));
    });
  }

  /** Clients that are connected. */
  get size(): number {
    return this.server.clients.size;
  }

  /** Opens the WebSocket of a client that has been let in. What is no proper handshake is refused. */
  accept(request: IncomingMessage, stream: Socket, head: Buffer, bearer: Bearer): void {
    this.server.handleUpgrade(request, stream, head, (socket) => this.serve({ stream, socket, bearer }));
  }

  dispose(): void {
    for (const socket of this.server.clients) {
      socket.close(closeCodes.goingAway, 'The server ends.');
      socket.terminate();
    }
    this.server.close();
  }

  private serve(accepted: AcceptedWebSocket): void {
    const { socket, bearer } = accepted;
    const { router, clients, watch } = this.options;
    const id = `webSocket-${++this.nextClient}`;
    const logger = this.options.logger.child({ client: id });
    const writer = new WebSocketWriter({ socket, bearer, waiting: this.options.waiting, logger });
    const reader = new WebSocketReader({
      socket,
      writer,
      admitsText: (chars) => bearer.isOwner || router.admitsText(client, chars),
      admitsNotification: (method) => router.admitsNotification(client, method),
    });
    const connection = createMessageConnection(reader, writer, silent);
    const closed = new ClosedEvent((error) => logger.error('A listener for a closed client failed', { error }));
    const client = createClient({ id, bearer, connection, writer, closed });
    const store = new DisposableStore();
    const leave = (): void => {
      if (store.isDisposed) return;
      store.dispose();
      closed.fire();
      connection.dispose();
    };
    socket.on('ping', (data) => writer.pong(data));
    socket.on('error', (error) => logger.debug('A WebSocket failed', { detail: error.message }));
    socket.once('close', (code) => {
      logger.debug('A WebSocket was closed', { code });
      leave();
    });
    store.add(
      watch(bearer, () => {
        // Nothing that it still sends or has sent is done.
        reader.stop();
        // A turn later, by when one that has rotated its own token is answered.
        setImmediate(() => {
          leave();
          this.sendAway(socket, closeCodes.policy, tokenHasEnded);
        });
      }),
    );
    store.add(this.unfinished.watch(accepted, (why) => this.sendAway(socket, closeCodes.tryAgainLater, why)));
    store.add(new Heartbeat(socket, this.options.clock));
    const mayCall = (): boolean => !reader.isStopped;
    answerRequests(connection, { router, client, mayCall });
    connection.onNotification((method, params) => {
      if (mayCall()) void router.notification(client, method, params);
    });
    clients.add(client);
    connection.listen();
    logger.debug('A WebSocket was opened', { tokenId: bearer.tokenId, scope: bearer.scope });
  }

  private sendAway(socket: WebSocket, code: number, why: string): void {
    if (socket.readyState !== socket.OPEN) return;
    socket.close(code, why);
    this.options.clock.after(goodbyeMs, () => socket.terminate());
  }
}

interface AcceptedWebSocket {
  readonly stream: Socket;
  readonly socket: WebSocket;
  readonly bearer: Bearer;
}

interface AnsweringParts {
  readonly router: Router;
  readonly client: Client;
  /** Asked for what the library has taken already, too. */
  readonly mayCall: () => boolean;
}

function answerRequests(connection: MessageConnection, { router, client, mayCall }: AnsweringParts): void {
  let inFlight = 0;
  const running = new Set<AbortController>();
  client.onClosed(() => {
    for (const controller of running) controller.abort();
  });
  connection.onRequest(async (method: string, params: unknown, token: CancellationToken) => {
    const refuse = (reason: ErrorReason, message: string): ResponseError<unknown> => {
      return asResponse(router.refuse(new CodedError(reason, message), { method: 'request', client: client.id }));
    };
    if (!mayCall()) return refuse('Unauthenticated', tokenHasEnded);
    if (inFlight >= maxInFlight) {
      return refuse('ResourceLimit', `${maxInFlight} requests of this client are not answered yet. Wait for them.`);
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

function createClient(parts: {
  readonly id: string;
  readonly bearer: Bearer;
  readonly connection: MessageConnection;
  readonly writer: WebSocketWriter;
  readonly closed: ClosedEvent;
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
