import type * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Bearer, DoorRefusal, DoorRequest } from '../base/door.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { Router } from '../rpc/router.ts';
import type { ByteBudget } from './byteBudget.ts';

/** Decides who may come in; in the order of its methods, before anything else of a request is looked at. */
export interface Guard {
  checkAddress(request: DoorRequest): DoorRefusal | undefined;
  authenticate(request: DoorRequest): Promise<Bearer | DoorRefusal>;
  watch(bearer: Bearer, onEnded: () => void): Disposable;
}

/** What a transport needs whose clients stay and are told what happens. */
export interface StayingClientsOptions {
  readonly router: Router;
  /** Whom everybody is told to that something has changed. */
  readonly clients: { add(client: Client): void };
  /** Calls `onEnded` once when the bearer's token holds no more; at once where it does not now. */
  readonly watch: (bearer: Bearer, onEnded: () => void) => Disposable;
  /** What waits for the clients of each token. */
  readonly waiting: ByteBudget;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the guard decides from, with every header as often as it was sent. */
export function doorRequestOf(request: http.IncomingMessage): DoorRequest {
  const { host, origin, authorization } = request.headersDistinct;
  const { localPort, remoteAddress } = request.socket;
  return {
    hosts: host ?? [],
    origins: origin ?? [],
    authorizations: authorization ?? [],
    subprotocols: [],
    remoteAddress: remoteAddress ?? '',
    method: request.method ?? '',
    path: targetOf(request).path,
    port: localPort ?? (request.socket.address() as AddressInfo).port,
  };
}

/** Where a request goes, as the client has written it. */
export function targetOf(request: http.IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  return { path, query: new URLSearchParams(query) };
}

/** As `doorRequestOf`, for who asks for a WebSocket and may show its token among what it offers to speak. */
export function upgradeRequestOf(request: http.IncomingMessage): DoorRequest {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  const subprotocols = header === '' ? [] : header.split(',').map((name) => name.trim());
  return { ...doorRequestOf(request), subprotocols };
}

/** One request on its way through. */
export interface Exchange {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
}
