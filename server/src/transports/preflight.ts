import type * as http from 'node:http';
import type { HttpRefusal } from './httpAnswer.ts';

/**
 * The answer to a browser that asks on behalf of a page whether it may call (CORS), which shows no token by its nature;
 * undefined for any other request. No header lets the page in: pages come through a WebSocket.
 */
export function preflightRefusal({ method, headers, url = '' }: http.IncomingMessage): HttpRefusal | undefined {
  const isPreflight = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
  if (!isPreflight || headers.origin === undefined) return undefined;
  return {
    reason: 'MethodNotAllowed',
    message: 'A page reaches this server over a WebSocket alone, at /ws, and not with fetch or EventSource.',
    headers: { Allow: url.startsWith('/api/') ? 'POST' : 'GET' },
  };
}
