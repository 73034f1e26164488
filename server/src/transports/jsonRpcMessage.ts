import { errorTable, type ErrorReason } from '../../protocol/errors.ts';

/** Why a text is no JSON-RPC message, as the answer to it. */
export interface MessageRefusal {
  readonly jsonrpc: '2.0';
  readonly id: string | number | null;
  readonly error: { readonly code: number; readonly message: string; readonly data: { readonly reason: ErrorReason } };
}

/** What a stranger sent, if it is one JSON-RPC 2.0 message; else the error to answer. */
export function parseMessage(text: string): { readonly message: object } | { readonly refusal: MessageRefusal } {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return { refusal: messageRefusal(null, 'ParseError', 'The message is not valid JSON.') };
  }
  const problem = whyNoMessage(message);
  if (problem === undefined) return { message: message as object };
  return { refusal: messageRefusal(idOf(message), 'InvalidRequest', problem) };
}

export function messageRefusal(id: string | number | null, reason: ErrorReason, message: string): MessageRefusal {
  return { jsonrpc: '2.0', id, error: { code: errorTable[reason].code, message, data: { reason } } };
}

function whyNoMessage(message: unknown): string | undefined {
  if (Array.isArray(message)) return 'Batches are not supported: send one message at a time.';
  if (typeof message !== 'object' || message === null) return 'A message must be a JSON object.';
  const { jsonrpc, method, id } = message as Record<string, unknown>;
  if (jsonrpc !== '2.0') return 'A message must have "jsonrpc": "2.0".';
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') {
    return 'An id must be a string or a number.';
  }
  if (method === '$/cancelRequest') {
    // The library reads the id without a look at what is there.
    const cancelled = (message as { params?: { id?: unknown } | null }).params?.id;
    if (typeof cancelled !== 'string' && typeof cancelled !== 'number') return 'A cancellation must name an id.';
  }
  const isResponse = id !== undefined && ('result' in message || 'error' in message);
  if (typeof method !== 'string' && !isResponse) return 'A message must have a method, or be a response.';
  return undefined;
}

function idOf(message: unknown): string | number | null {
  if (typeof message !== 'object' || message === null) return null;
  const id = (message as Record<string, unknown>)['id'];
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}
