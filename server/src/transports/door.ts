import type * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GrantedScope } from '../../protocol/declaration.ts';
import type { ErrorReason } from '../../protocol/errors.ts';
import type { Disposable } from '../base/disposable.ts';

/** Who was let in. */
export interface DoorBearer {
  readonly tokenId: string;
  readonly name: string;
  readonly scope: GrantedScope;
  /** Of the token that was shown. */
  readonly digest: string;
}

interface DoorRefusal {
  readonly reason: ErrorReason;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** What of a request is decided from. */
export interface DoorRequest {
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  readonly authorizations: readonly string[];
  readonly subprotocols: readonly string[];
  readonly remoteAddress: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
}

/** Decides who may come in; in the order of its methods, before anything else of a request is looked at. */
export interface Guard {
  checkAddress(request: DoorRequest): DoorRefusal | undefined;
  authenticate(request: DoorRequest): Promise<DoorBearer | DoorRefusal>;
  watch(bearer: DoorBearer, onEnded: () => void): Disposable;
}

/** What the guard decides from, with every header as often as it was sent. */
export function doorRequestOf(request: http.IncomingMessage): DoorRequest {
  const { host, origin, authorization } = request.headersDistinct;
  const { localPort, remoteAddress } = request.socket;
  return {
    hosts: host ?? [],
    origins: origin ?? [],
    authorizations: authorization ?? [],
    subprotocols: subprotocolsOf(request),
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

/** What a client offers to speak over a WebSocket. */
export function subprotocolsOf(request: http.IncomingMessage): string[] {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  return header === '' ? [] : header.split(',').map((name) => name.trim());
}

/** One request on its way through. */
export interface Exchange {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
}
