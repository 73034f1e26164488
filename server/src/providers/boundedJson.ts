import type { HttpFetch } from './ports.ts';

/** An answer that was not usable, with its HTTP status if there was an answer at all. */
export class HttpFailure extends Error {
  readonly status: number | undefined;

  constructor(message: string, details: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.name = 'HttpFailure';
    this.status = details.status;
  }
}

export interface BoundedGet {
  readonly fetch: HttpFetch;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly signal?: AbortSignal;
}

/** Gets JSON within a time limit and a size limit. Rejects with `HttpFailure`. */
export async function getBoundedJson(request: BoundedGet): Promise<unknown> {
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await request.fetch(request.url, {
      headers: { accept: 'application/json', ...request.headers },
      signal,
    });
  } catch (cause) {
    throw new HttpFailure(timeout.aborted ? 'no answer in time' : describeNetworkError(cause), { cause });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new HttpFailure(`status ${response.status}`, { status: response.status });
  }
  try {
    return JSON.parse(await readBounded(response, request.maxBodyBytes)) as unknown;
  } catch (cause) {
    if (cause instanceof HttpFailure) throw cause;
    if (timeout.aborted) throw new HttpFailure('no complete answer in time', { cause });
    throw new HttpFailure(cause instanceof SyntaxError ? 'the answer is no JSON' : describeNetworkError(cause), {
      status: response.status,
      cause,
    });
  }
}

async function readBounded(response: Response, maxBytes: number): Promise<string> {
  const body: ReadableStream<Uint8Array> | null = response.body;
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop by an error cancels the stream and with it the connection.
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes)
      throw new HttpFailure(`the answer is larger than ${maxBytes} bytes`, { status: response.status });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Finds the system's error code in the chain of causes, such as `ECONNREFUSED`. */
export function networkErrorCode(error: unknown): string | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 6 && current instanceof Error; depth++) {
    const code: unknown = (current as NodeJS.ErrnoException).code;
    if (typeof code === 'string' && /^(E[A-Z_]+|UND_ERR_\w+|CERT_\w+|DEPTH_\w+|UNABLE_\w+|SELF_\w+)$/.test(code))
      return code;
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return undefined;
}

/** Says in words what a network error means. */
export function describeNetworkError(error: unknown): string {
  const code = networkErrorCode(error);
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing answers there (connection refused)';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name cannot be resolved';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'the connection was cut';
    case undefined:
      return error instanceof Error ? error.message : 'the request failed';
    default:
      return `the request failed (${code})`;
  }
}
