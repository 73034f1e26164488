import { CodedError } from '../../protocol/errors.ts';
import { redact } from '../base/redaction.ts';
import { describeNetworkError, networkErrorCode } from './boundedJson.ts';
import type { Endpoint } from './endpoints.ts';

/** Why a model call failed: the error for the person, and whether calling again unchanged can help. */
export interface ModelFailure {
  readonly error: CodedError;
  readonly isTransient: boolean;
  /** The server asked to wait this long. */
  readonly retryAfterMs?: number;
}

/** The parts of the AI SDK's `APICallError` that count here. */
interface HttpCallError extends Error {
  readonly statusCode?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
}

const maxExcerptChars = 300;
const overflowPattern =
  /context[ _](?:length|window|size)|maximum context|too many (?:input )?tokens|prompt is too long|exceeds? the (?:available )?context|input is too long/i;
const noToolsPattern = /does not support (?:tools|function)|tool(?:s| use| calling)? (?:is|are) not supported/i;

/**
 * Says what an error of a model call means. `hasStarted`: a part of the answer had arrived, so the error broke off an
 * answer rather than prevented one.
 */
export function explainModelFailure(
  error: unknown,
  endpoint: Endpoint,
  model: string,
  hasStarted: boolean,
): ModelFailure {
  const explained = explain(error, endpoint, model, hasStarted);
  return endpoint.apiKey ? { ...explained, error: withoutKey(explained.error, endpoint.apiKey) } : explained;
}

/** Endpoints quote what they were sent: neither the person, nor the journal, nor the log gets to see the key. */
function withoutKey(error: CodedError, apiKey: string): CodedError {
  const clean = (text: string): string => text.replaceAll(apiKey, '[redacted]');
  const cleanCause = (cause: unknown, depth: number): unknown => {
    if (!(cause instanceof Error)) return typeof cause === 'string' ? clean(cause) : undefined;
    const inner = depth > 0 ? cleanCause(cause.cause, depth - 1) : undefined;
    const copy = new Error(clean(cause.message), inner === undefined ? undefined : { cause: inner });
    copy.name = cause.name;
    copy.stack = clean(cause.stack ?? '');
    return copy;
  };
  const args = error.args === undefined ? {} : { args: error.args };
  return new CodedError(error.reason, clean(error.message), { ...args, cause: cleanCause(error.cause, 4) });
}

function explain(error: unknown, endpoint: Endpoint, model: string, hasStarted: boolean): ModelFailure {
  if (error instanceof CodedError) return { error, isTransient: false };
  const coded = findCoded(error);
  if (coded) return { error: coded, isTransient: false };
  const status = statusOf(error);
  if (status !== undefined) return explainStatus(error as HttpCallError, status, endpoint, model);
  if (hasStarted) return broken(endpoint, error);
  const code = networkErrorCode(error);
  if (code !== undefined) return explainNetwork(error, code, endpoint);
  return broken(endpoint, error);
}

/** An answer that stopped in the middle, or was no answer at all. What had arrived stays. */
function broken(endpoint: Endpoint, cause: unknown): ModelFailure {
  const detail = networkErrorCode(cause) === undefined ? excerptOf(messageOf(cause)) : describeNetworkError(cause);
  return failure(
    'Unavailable',
    `The answer of ${endpoint.name} broke off or was not readable (${detail}). ` +
      'What had arrived is kept. Continue to go on from there, or check the endpoint if it happens again.',
    { cause },
  );
}

function explainNetwork(error: unknown, code: string, endpoint: Endpoint): ModelFailure {
  const advice =
    endpoint.provider === 'ollama'
      ? 'Start Ollama and try again.'
      : 'Check that it runs and that the address is right.';
  return failure(
    'Unavailable',
    `${endpoint.name} at ${endpoint.chatBaseUrl} cannot be reached: ${describeNetworkError(error)}. ${advice}`,
    {
      cause: error,
      isTransient: ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EAI_AGAIN', 'UND_ERR_SOCKET'].includes(code),
    },
  );
}

function explainStatus(error: HttpCallError, status: number, endpoint: Endpoint, model: string): ModelFailure {
  const said = excerptOf(saidBy(error), endpoint.apiKey);
  const cause = error;
  if (status === 401 || status === 403) {
    const advice = endpoint.apiKey ? 'Set another API key.' : 'Set an API key.';
    return failure('Unavailable', `${endpoint.name} refuses the request (status ${status}: ${said}). ${advice}`, {
      cause,
    });
  }
  if (overflowPattern.test(`${error.message} ${error.responseBody ?? ''}`) && status < 500) {
    return failure(
      'TooLarge',
      `The conversation no longer fits into the context window of ${model}. Start a new conversation, or choose a model with a larger window.`,
      { cause },
    );
  }
  if (status === 404) {
    return failure(
      'NotFound',
      `${endpoint.name} at ${endpoint.chatBaseUrl} has no model "${model}" (${said}). Choose another model, or check the address.`,
      { cause },
    );
  }
  if (noToolsPattern.test(said)) {
    return failure('Unsupported', `The model ${model} cannot use tools, which the agent needs. Choose another model.`, {
      cause,
    });
  }
  const retryAfterMs = retryAfter(error.responseHeaders);
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429) {
    const isTransient = !/insufficient_quota|billing/i.test(error.responseBody ?? '');
    return failure(
      'RateLimited',
      `${endpoint.name} allows no more requests for now (${said}). Wait a while, then try again.`,
      { cause, isTransient, ...wait },
    );
  }
  if (status >= 500 || status === 408 || status === 409) {
    return failure(
      'Unavailable',
      `${endpoint.name} has a problem of its own (status ${status}: ${said}). Try again in a while.`,
      { cause, isTransient: true, ...wait },
    );
  }
  return failure(
    'Unsupported',
    `${endpoint.name} does not accept the request for ${model} (status ${status}: ${said}).`,
    { cause },
  );
}

function failure(
  reason: CodedError['reason'],
  message: string,
  details: { cause: unknown; isTransient?: boolean; retryAfterMs?: number },
): ModelFailure {
  return {
    error: new CodedError(reason, message, { cause: details.cause }),
    isTransient: details.isTransient ?? false,
    ...(details.retryAfterMs !== undefined && { retryAfterMs: details.retryAfterMs }),
  };
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const { statusCode } = error as HttpCallError;
  // An answer with status 200 that turned out unreadable also arrives as an error of the call.
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : undefined;
}

function findCoded(error: unknown): CodedError | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 6 && current instanceof Error; depth++) {
    if (current instanceof CodedError) return current;
    current = current.cause;
  }
  return undefined;
}

/** `Retry-After` as seconds or as a date, and OpenAI's finer `retry-after-ms`. */
function retryAfter(headers: Readonly<Record<string, string>> | undefined): number | undefined {
  const milliseconds = Number(headers?.['retry-after-ms'] ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function saidBy(error: HttpCallError): string {
  try {
    const body = JSON.parse(error.responseBody ?? '') as { error?: { message?: unknown } | string; message?: unknown };
    const inner = typeof body.error === 'object' ? body.error.message : (body.error ?? body.message);
    if (typeof inner === 'string') return inner;
  } catch {
    // The body is no JSON, often a proxy's web page: the status line says more.
  }
  return error.message;
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    return error.message;
  }
  return 'the server reported an error without saying which';
}

/** One line of a stranger's text, short, with neither control characters nor keys in it. */
function excerptOf(text: string, apiKey: string | null = null): string {
  const withoutKey = apiKey ? text.replaceAll(apiKey, '[redacted]') : text;
  const line = redact(withoutKey)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  return line.length <= maxExcerptChars ? line : `${line.slice(0, maxExcerptChars)}…`;
}
