import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestContext } from './handlers.ts';

/** Who asked for what is being done, and under which correlation id. */
export type RequestOrigin = Pick<RequestContext, 'client' | 'correlationId'>;

const scope = new AsyncLocalStorage<RequestOrigin>();

/**
 * Runs a handler such that everything it calls and awaits can tell on whose behalf it works. What outlives the request,
 * such as a loop that serves many, must not ask: it would name whoever happened to start it.
 */
export function inRequest<T>({ client, correlationId }: RequestOrigin, run: () => T): T {
  return scope.run({ client, correlationId }, run);
}

/** The request that the caller works for; undefined where the server acts by itself. */
export function currentRequest(): RequestOrigin | undefined {
  return scope.getStore();
}
