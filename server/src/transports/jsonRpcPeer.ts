import {
  CancellationTokenSource,
  ResponseError,
  type CancellationToken,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import { declarationOf } from '../../protocol/contract.ts';
import { CodedError, isErrorReason } from '../../protocol/errors.ts';
import type { Client } from '../base/handlers.ts';
import type { WireError } from '../rpc/errorBoundary.ts';

/** Asks the client at the other end of `connection`, as `Client.request` does. */
export async function requestOf(
  connection: MessageConnection,
  ...[method, params, signal]: Parameters<Client['request']>
): Promise<never> {
  const declaration = declarationOf(method);
  if (declaration?.kind !== 'request') throw new Error(`${method} is not a request of the contract`);
  const result = await sendRequest(connection, { method, params, signal, timeoutMs: declaration.timeoutMs });
  const checked = declaration.result.safeParse(result);
  if (checked.success) return checked.data as never;
  throw new CodedError('Unavailable', `The client answered ${method} in a form that cannot be used.`);
}

interface Outgoing {
  readonly method: string;
  readonly params: object;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

async function sendRequest(
  connection: MessageConnection,
  { method, params, signal, timeoutMs }: Outgoing,
): Promise<unknown> {
  const cancellation = new CancellationTokenSource();
  const stop = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => {
    cancellation.cancel();
    const reason = signal?.aborted ? 'Cancelled' : 'TimedOut';
    stopped.reject(new CodedError(reason, `The client did not answer ${method} in time.`));
  };
  stop.addEventListener('abort', onAbort);
  // Where sending throws, nobody waits for it any more.
  stopped.promise.catch(() => undefined);
  try {
    if (stop.aborted) onAbort();
    return await Promise.race([connection.sendRequest(method, params, cancellation.token), stopped.promise]);
  } catch (error) {
    throw asCodedError(error, method);
  } finally {
    stop.removeEventListener('abort', onAbort);
    cancellation.dispose();
  }
}

function asCodedError(error: unknown, method: string): CodedError {
  if (error instanceof CodedError) return error;
  const reason: unknown =
    error instanceof ResponseError ? (error.data as { reason?: unknown } | undefined)?.reason : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new CodedError(isErrorReason(reason) ? reason : 'Unavailable', `${method} failed at the client: ${message}`, {
    cause: error,
  });
}

/** An error as the library sends it. */
export function asResponse({ code, message, data }: WireError): ResponseError<unknown> {
  return new ResponseError(code, message, data);
}

/** Aborts when the client takes its request back. */
export function abortControllerOf(token: CancellationToken): AbortController {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  else token.onCancellationRequested(() => controller.abort());
  return controller;
}
