import type * as http from 'node:http';
import { errorTable, type ErrorReason } from '../../protocol/errors.ts';
import type { Answer } from '../rpc/router.ts';
import { bytesToBase64 } from './wireBytes.ts';

/**
 * On every answer: nothing of it is to be rendered, guessed at, framed, kept or read by a page of another origin. No header
 * allows one (CORS): pages that are allowed to call come through a WebSocket.
 */
const securityHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** Why a request got no result, as it stands in the body of the answer. */
export interface HttpRefusal {
  readonly reason: ErrorReason;
  readonly message: string;
  readonly correlationId?: string;
  readonly retryAfterMs?: number | undefined;
}

/** Begins an answer with the headers that all have. */
export function begin(response: http.ServerResponse, status: number, contentType: string): void {
  response.writeHead(status, { 'Content-Type': contentType, ...securityHeaders });
}

export function sendText(response: http.ServerResponse, contentType: string, text: string): void {
  begin(response, 200, contentType);
  response.end(text);
}

export function sendJson(response: http.ServerResponse, status: number, body: object): void {
  begin(response, status, 'application/json; charset=utf-8');
  response.end(JSON.stringify(body));
}

export function sendRefusal(response: http.ServerResponse, refusal: HttpRefusal): void {
  const { reason, message, correlationId = '', retryAfterMs } = refusal;
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1000));
  if (reason === 'Unauthenticated') response.setHeader('WWW-Authenticate', 'Bearer');
  sendJson(response, errorTable[reason].httpStatus, { error: reason, message, correlationId });
}

/** What the router has answered. */
export function sendAnswer(response: http.ServerResponse, answer: Answer): void {
  if ('result' in answer) {
    sendJson(response, 200, bytesToBase64(answer.result ?? {}));
    return;
  }
  const { data, message } = answer.error;
  const retryAfterMs = data.reason === 'RateLimited' ? data.args?.['retryAfterMs'] : undefined;
  sendRefusal(response, {
    reason: data.reason,
    message,
    correlationId: data.correlationId,
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  });
}
