import * as http from 'node:http';
import { sendRefusal, type HttpRefusal } from './httpAnswer.ts';

/** Answers over HTTP in the place of the WebSocket, or tunnel, that is not opened, and then closes the connection. */
export function refuseUpgrade(request: http.IncomingMessage, refusal: HttpRefusal): void {
  const stream = request.socket;
  const response = new http.ServerResponse(request);
  response.assignSocket(stream);
  response.setHeader('Connection', 'close');
  // What is still on its way is thrown away: while it waits unread, the end of the stream would never be seen.
  stream.resume();
  response.once('finish', () => stream.destroySoon());
  sendRefusal(response, refusal);
}

/** Why a request for a WebSocket, from who may have one, cannot be met: it keeps not to RFC 6455 (4.2.1). */
export function handshakeRefusal({ method }: http.IncomingMessage, problem: string): HttpRefusal {
  if (method !== 'GET') return useMethod('GET');
  const message = `This asks for no WebSocket of version 13: ${problem}.`;
  return { reason: 'InvalidRequest', message, headers: { 'Sec-WebSocket-Version': '13' } };
}

/** There is something at that path, but for these methods only. */
export function useMethod(...methods: readonly string[]): HttpRefusal {
  const headers = { Allow: methods.join(', ') };
  return { reason: 'MethodNotAllowed', message: `Use ${methods.join(' or ')}.`, headers };
}
