import { errorTable, type ErrorReason } from '../../protocol/errors.ts';

/** Why a text is no JSON-RPC message, as the answer to it. */
export interface MessageRefusal {
  readonly jsonrpc: '2.0';
  readonly id: string | number | null;
  readonly error: { readonly code: number; readonly message: string; readonly data: { readonly reason: ErrorReason } };
}

/** A request, a notification or an answer, as far as anything of it was looked at. */
export type ParsedMessage =
  | { readonly jsonrpc: '2.0'; readonly method: string; readonly id?: string | number }
  | { readonly jsonrpc: '2.0'; readonly method?: undefined; readonly id: string | number };

/**
 * What a stranger sent, if it is one JSON-RPC 2.0 message; else the error to answer, and nothing where it says itself that
 * something of ours was not understood. Whatever the library would call invalid is refused here: it would write it out with
 * an indentation for each level, for a log that nobody keeps.
 */
export function parseMessage(
  text: string,
): { readonly message: ParsedMessage } | { readonly refusal: MessageRefusal | undefined } {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return { refusal: messageRefusal(null, 'ParseError', 'The message is not valid JSON.') };
  }
  const problem = whyNoMessage(message);
  if (problem === undefined) return { message: message as ParsedMessage };
  return { refusal: isComplaint(message) ? undefined : messageRefusal(idOf(message), 'InvalidRequest', problem) };
}

export function messageRefusal(id: string | number | null, reason: ErrorReason, message: string): MessageRefusal {
  return { jsonrpc: '2.0', id, error: { code: errorTable[reason].code, message, data: { reason } } };
}

/** The answer to a request under the id of another one. It bears no id: it would be taken for the answer to the other. */
export function repeatedId(): MessageRefusal {
  return messageRefusal(null, 'InvalidRequest', 'A request with this id is not answered yet. Give each its own.');
}

function whyNoMessage(message: unknown): string | undefined {
  if (Array.isArray(message)) return 'Batches are not supported: send one message at a time.';
  if (typeof message !== 'object' || message === null) return 'A message must be a JSON object.';
  const { jsonrpc, method, id } = message as Record<string, unknown>;
  if (jsonrpc !== '2.0') return 'A message must have "jsonrpc": "2.0".';
  // The library takes one of null for neither a request nor an answer, and answers one that is too large with null.
  if (id !== undefined && typeof id !== 'string' && !Number.isFinite(id)) return 'An id must be a string or a number.';
  if (method !== undefined && typeof method !== 'string') return 'A method must be a string.';
  if (method === '$/cancelRequest') {
    // The library reads the id without a look at what is there.
    const cancelled = (message as { params?: { id?: unknown } | null }).params?.id;
    if (typeof cancelled !== 'string' && typeof cancelled !== 'number') return 'A cancellation must name an id.';
  }
  const isResponse = id !== undefined && ('result' in message || Boolean((message as { error?: unknown }).error));
  if (method === undefined && !isResponse) return 'A message must have a method, or be a response.';
  return undefined;
}

/** An error that answers no request in particular, as one gets for what was no message. To answer it could go on for ever. */
function isComplaint(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return false;
  const { method, id, error } = message as Record<string, unknown>;
  return method === undefined && id === null && typeof error === 'object' && error !== null;
}

function idOf(message: unknown): string | number | null {
  if (typeof message !== 'object' || message === null) return null;
  const id = (message as Record<string, unknown>)['id'];
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}
