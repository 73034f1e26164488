import type * as http from 'node:http';
import { z } from 'zod';
import { declarationOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Bearer } from '../base/door.ts';
import type { Client } from '../base/handlers.ts';
import type { Router } from '../rpc/router.ts';
import type { ByteBudget } from './byteBudget.ts';
import type { Exchange } from './door.ts';
import { refusalOf, refuseUnread, sendAnswer } from './httpAnswer.ts';

/** A prompt of 1 MiB of text, escaped, with room. */
const maxBodyBytes = 4 * 1024 * 1024;

/** With which a call may be refused while its body is still on its way. */
const unreadReasons: ReadonlySet<string> = new Set(['TooLarge', 'ResourceLimit']);

interface CallParts {
  readonly router: Router;
  readonly clock: Clock;
  /** What is held of bodies that are not complete. */
  readonly unfinished: ByteBudget;
}

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

/**
 * `POST /api/<noun>/<verb>` with the params as JSON; the answer is the result as JSON. Nothing of the body is read before it
 * is clear that the call may be made.
 */
export async function callMethod(exchange: Exchange, bearer: Bearer, parts: CallParts): Promise<void> {
  const { router, clock, unfinished } = parts;
  const { request, response, path } = exchange;
  const gone = new AbortController();
  response.once('close', () => {
    // An error with its stack is made for each abort, which an answered call does not need.
    if (!response.writableFinished) gone.abort();
  });
  const client = createHttpClient(response, bearer, { kind: 'http', notify: () => undefined });
  const params = (): Promise<unknown> => readParams(exchange, { bearer, unfinished });
  const answer = await router.request(client, path.slice('/api/'.length), params, gone.signal);
  if (response.destroyed) return;
  const isUnread = 'error' in answer && unreadReasons.has(answer.error.data.reason) && !request.complete;
  if (isUnread) refuseUnread(exchange, { refusal: refusalOf(answer.error), clock });
  else sendAnswer(response, answer);
}

let nextClient = 0;

/** A client for as long as one answer lasts. It cannot be asked anything; `notify` is what becomes of notifications. */
export function createHttpClient(
  response: http.ServerResponse,
  { tokenId, scope }: Bearer,
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
      if (response.closed) listener();
      else response.once('close', listener);
      return { dispose: () => response.off('close', listener) };
    },
  };
}

/** Whose bodies are counted where. */
interface BodyShare {
  readonly bearer: Bearer;
  readonly unfinished: ByteBudget;
}

/**
 * The params in the body. Rejects with `UnsupportedMediaType`, `TooLarge`, `ResourceLimit`, `ParseError`, or `Cancelled` by
 * who has gone.
 */
async function readParams({ request, response }: Exchange, share: BodyShare): Promise<unknown> {
  if (!/^application\/json(?:;\s*charset=utf-8)?$/i.test(request.headers['content-type'] ?? '')) {
    throw new CodedError('UnsupportedMediaType', 'Send the params as application/json.');
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  // Who waits for leave to send the body gets it only now.
  if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue();
  const body = await readBody(request, share);
  try {
    return body === '' ? {} : JSON.parse(body);
  } catch {
    throw new CodedError('ParseError', 'The body is not valid JSON.');
  }
}

/** The whole body. What is left of one that is too large stays unread, and its connection open. */
async function readBody(request: http.IncomingMessage, { bearer, unfinished }: BodyShare): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      unfinished.add(bearer, chunk.length);
      if (bytes > maxBodyBytes) throw tooLarge();
      if (unfinished.isExceededBy(bearer)) throw tooMuchAtOnce();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError('Cancelled', 'The client went away before it had sent all of the body.', { cause: error });
  } finally {
    unfinished.add(bearer, -bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooMuchAtOnce(): CodedError {
  const message = 'Too much of bodies that are not complete waits for this token. Send fewer of them at once.';
  return new CodedError('ResourceLimit', message);
}

function tooLarge(): CodedError {
  return new CodedError('TooLarge', `A body may have ${maxBodyBytes} bytes at most.`, { args: { maxBodyBytes } });
}
