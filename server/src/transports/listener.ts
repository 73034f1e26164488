import * as http from 'node:http';
import * as https from 'node:https';
import type { Duplex } from 'node:stream';
import type { Disposable } from '../base/disposable.ts';
import type { TlsIdentity } from '../base/door.ts';

/** An identity that may be exchanged while the listener runs. */
export interface TlsSource {
  readonly identity: TlsIdentity;
  onChanged(listener: (identity: TlsIdentity) => void): Disposable;
}

export type Listener = http.Server | https.Server;

/** How long a client may take. */
export interface ClientTimes {
  /** To send its headers, or to agree on TLS. */
  readonly headersMs: number;
  /** To send a whole request; a body of 4 MiB, too. */
  readonly requestMs: number;
  /** To read something of an answer that is complete. */
  readonly unreadAnswerMs: number;
}

export const defaultTimes: ClientTimes = { headersMs: 10_000, requestMs: 30_000, unreadAnswerMs: 30_000 };

/** How often the library looks for connections that are over one of these limits. */
const checkEveryMs = 1_000;
const maxHeaderBytes = 16 * 1024;

/** Listens nowhere yet. With an identity it speaks TLS 1.2 or newer and nothing else. */
export function createListener(identity: TlsIdentity | undefined, { headersMs, requestMs }: ClientTimes): Listener {
  const limits = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    maxHeaderSize: maxHeaderBytes,
    connectionsCheckingInterval: checkEveryMs,
    // Who names no host is refused by the guard, as who names a foreign one.
    requireHostHeader: false,
  };
  if (!identity) return http.createServer(limits);
  return https.createServer({ ...limits, ...identity, minVersion: 'TLSv1.2', handshakeTimeout: headersMs });
}

/**
 * Serves a request that asks to change to a protocol which is not spoken here, as if it did not ask: that is what RFC 9110
 * (7.8) leaves a server to do, and what clients that offer HTTP/2 over plain TCP count on. Node gives every request with an
 * upgrade away once somebody listens for them, and Node 22 cannot be told which. So the request is read once more, without
 * the header, by a parser of its own.
 */
export function serveWithoutUpgrade(listener: Listener, request: http.IncomingMessage, head: Buffer): void {
  const { socket, rawHeaders, method = '', url = '', httpVersion } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  // As Node has read it: a byte is a character.
  const again = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  socket.unshift(Buffer.concat([again, head]));
  const stream: Duplex = socket;
  listener.emit(listener instanceof https.Server ? 'secureConnection' : 'connection', stream);
  socket.resume();
}
