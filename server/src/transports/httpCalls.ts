import type * as http from 'node:http';
import { z } from 'zod';
import { declarationOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { Client } from '../base/handlers.ts';
import type { Router } from '../rpc/router.ts';
import type { DoorBearer, Exchange } from './door.ts';
import { sendAnswer, sendRefusal } from './httpAnswer.ts';

/** A prompt of 1 MiB of text, escaped, with room. */
const maxBodyBytes = 4 * 1024 * 1024;

/** Methods with JSON Schemas of what they take and give. */
export function describeMethods(methods: readonly string[]): object[] {
  return methods.map((method) => {
    const declaration = declarationOf(method);
    if (declaration?.kind !== 'request') return { method };
    const { summary, scope, params, result } = declaration;
    const schemaOf = (schema: z.ZodType, io: 'input' | 'output') =>
      z.toJSONSchema(schema, { io, unrepresentable: 'any' });
    return { method, summary, scope, params: schemaOf(params, 'input'), result: schemaOf(result, 'output') };
  });
}

/** `POST /api/<noun>/<verb>` with the params as JSON; the answer is the result as JSON. */
export async function callMethod(router: Router, exchange: Exchange, bearer: DoorBearer): Promise<void> {
  const { request, response, path } = exchange;
  if (!/^application\/json(?:;\s*charset=utf-8)?$/i.test(request.headers['content-type'] ?? '')) {
    sendRefusal(response, { reason: 'UnsupportedMediaType', message: 'Send the params as application/json.' });
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const body = await readBody(request);
  if (body === undefined) {
    const message = `A body may have ${maxBodyBytes} bytes at most.`;
    sendRefusal(response, { reason: 'TooLarge', message });
    return;
  }
  let params: unknown;
  try {
    params = body === '' ? {} : JSON.parse(body);
  } catch {
    sendRefusal(response, { reason: 'ParseError', message: 'The body is not valid JSON.' });
    return;
  }
  const client = createHttpClient(response, bearer, { kind: 'http', notify: () => undefined });
  const answer = await router.request(client, path.slice('/api/'.length), params, gone.signal);
  if (!response.destroyed) sendAnswer(response, answer);
}

let nextClient = 0;

/** A client for as long as one answer lasts. It cannot be asked anything; `notify` is what becomes of notifications. */
export function createHttpClient(
  response: http.ServerResponse,
  { tokenId, scope }: DoorBearer,
  { kind, notify }: { readonly kind: 'http' | 'eventStream'; readonly notify: Client['notify'] },
): Client {
  return {
    id: `${kind}-${++nextClient}`,
    kind,
    scope,
    tokenId,
    notify,
    request: (method) => {
      return Promise.reject(new CodedError('Unsupported', `A client over HTTP cannot answer ${method}.`));
    },
    onClosed(listener) {
      response.once('close', listener);
      return { dispose: () => response.off('close', listener) };
    },
  };
}

/** The whole body, or undefined where it is larger than allowed. */
async function readBody(request: http.IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
