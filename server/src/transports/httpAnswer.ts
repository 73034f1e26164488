import type * as http from 'node:http';
import { errorTable, type CodedError, type ErrorReason } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import { retryAfterSeconds } from '../base/door.ts';
import type { WireError } from '../rpc/errorBoundary.ts';
import type { Answer } from '../rpc/router.ts';
import type { Exchange } from './door.ts';
import { bytesToBase64 } from './wireBytes.ts';

/**
 * On every answer: nothing of it is to be rendered, guessed at, framed, kept or read by a page of another origin. No header
 * allows one (CORS): pages that are allowed to call come through a WebSocket.
 */
export const securityHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

const jsonType = 'application/json; charset=utf-8';

/** Of a body that is thrown away while its sender reads the answer. */
const drainLimits = { ms: 5_000, bytes: 16 * 1024 * 1024 };

/** Why a request got no result, as it stands in the body of the answer. */
export interface HttpRefusal {
  readonly reason: ErrorReason;
  readonly message: string;
  readonly correlationId?: string;
  readonly retryAfterMs?: number | undefined;
  /** What its headers say beyond that, such as the method that is allowed. */
  readonly headers?: Readonly<Record<string, string>>;
}

interface UnreadRefusal {
  readonly refusal: HttpRefusal;
  readonly clock: Clock;
}

interface WholeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** Begins an answer with the headers that all have. */
export function begin(response: http.ServerResponse, status: number, contentType: string): void {
  response.writeHead(status, { 'Content-Type': contentType, ...securityHeaders });
}

export function sendText(response: http.ServerResponse, contentType: string, text: string): void {
  sendWhole(response, { status: 200, contentType, text });
}

export function sendJson(response: http.ServerResponse, status: number, body: object): void {
  sendWhole(response, { status, contentType: jsonType, text: JSON.stringify(body) });
}

export function sendRefusal(response: http.ServerResponse, refusal: HttpRefusal): void {
  sendJson(response, beginRefusal(response, refusal), bodyOf(refusal));
}

/**
 * As `sendRefusal`, while the client is still sending a body that nobody wants. It sees the whole answer and that the
 * connection ends. What it sends meanwhile is thrown away for 5 s and 16 MiB at most: were the connection closed at once, the
 * system would take the answer back that it has not read yet.
 */
export function refuseUnread(
  { request, response }: Pick<Exchange, 'request' | 'response'>,
  parts: UnreadRefusal,
): void {
  const { refusal, clock } = parts;
  const text = JSON.stringify(bodyOf(refusal));
  response.setHeader('Connection', 'close');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  begin(response, beginRefusal(response, refusal), jsonType);
  response.write(text);
  let drainedBytes = 0;
  const timer = clock.after(drainLimits.ms, () => response.end());
  response.once('close', () => timer.dispose());
  request.on('data', (chunk: Buffer) => {
    drainedBytes += chunk.length;
    if (drainedBytes > drainLimits.bytes) response.end();
  });
  request.once('end', () => response.end());
  request.resume();
}

/** What the router has answered. */
export function sendAnswer(response: http.ServerResponse, answer: Answer): void {
  if ('result' in answer) sendJson(response, 200, bytesToBase64(answer.result ?? {}));
  else sendRefusal(response, refusalOf(answer.error));
}

/** An error of the router, or one that was thrown on the way to it. */
export function refusalOf(error: WireError | CodedError): HttpRefusal {
  const data = 'data' in error ? error.data : { reason: error.reason, args: error.args, correlationId: '' };
  const retryAfterMs = data.reason === 'RateLimited' ? data.args?.['retryAfterMs'] : undefined;
  return {
    reason: data.reason,
    message: error.message,
    correlationId: data.correlationId,
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  };
}

function sendWhole(response: http.ServerResponse, { status, contentType, text }: WholeAnswer): void {
  // Else it would go out as a chunk: a length, the text and an end, each in a piece of its own. It is counted by it, too.
  response.setHeader('Content-Length', Buffer.byteLength(text));
  begin(response, status, contentType);
  response.end(text);
}

/** Sets the headers of a refusal, and gives its status. */
function beginRefusal(response: http.ServerResponse, { reason, retryAfterMs, headers = {} }: HttpRefusal): number {
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', retryAfterSeconds(retryAfterMs));
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (reason === 'Unauthenticated') response.setHeader('WWW-Authenticate', 'Bearer');
  return errorTable[reason].httpStatus;
}

/** The body of every answer that is no result. */
export function bodyOf({ reason, message, correlationId = '' }: HttpRefusal): object {
  return { error: reason, message, correlationId };
}
