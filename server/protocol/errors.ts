/**
 * Every reason for which a request can be refused or fail, with its JSON-RPC code, its HTTP status, and whether asking
 * again unchanged can help. This table is the only place where the three meet. It is free of zod, so that the bundles
 * of the extension and of the webviews may import it.
 */
export const errorTable = {
  ParseError: { code: -32700, httpStatus: 400, retryable: false },
  InvalidRequest: { code: -32600, httpStatus: 400, retryable: false },
  UnknownMethod: { code: -32601, httpStatus: 404, retryable: false },
  InvalidParams: { code: -32602, httpStatus: 400, retryable: false },
  Internal: { code: -32603, httpStatus: 500, retryable: false },
  Cancelled: { code: -32800, httpStatus: 409, retryable: true },
  InvalidShell: { code: -32001, httpStatus: 400, retryable: false },
  InvalidCwd: { code: -32002, httpStatus: 400, retryable: false },
  InvalidEnvironment: { code: -32003, httpStatus: 400, retryable: false },
  Unsupported: { code: -32004, httpStatus: 400, retryable: false },
  Unauthenticated: { code: -32005, httpStatus: 401, retryable: false },
  Forbidden: { code: -32006, httpStatus: 403, retryable: false },
  BadOrigin: { code: -32007, httpStatus: 403, retryable: false },
  PolicyDenied: { code: -32008, httpStatus: 403, retryable: false },
  NotFound: { code: -32009, httpStatus: 404, retryable: false },
  MethodNotAllowed: { code: -32010, httpStatus: 405, retryable: false },
  Conflict: { code: -32011, httpStatus: 409, retryable: false },
  TooLarge: { code: -32012, httpStatus: 413, retryable: false },
  UnsupportedMediaType: { code: -32013, httpStatus: 415, retryable: false },
  BadHost: { code: -32014, httpStatus: 421, retryable: false },
  RateLimited: { code: -32015, httpStatus: 429, retryable: true },
  ResourceLimit: { code: -32016, httpStatus: 429, retryable: false },
  Unavailable: { code: -32017, httpStatus: 503, retryable: true },
  TimedOut: { code: -32018, httpStatus: 504, retryable: true },
} as const satisfies Record<string, { code: number; httpStatus: number; retryable: boolean }>;

export type ErrorReason = keyof typeof errorTable;

/** Facts that a translated message needs: `{ shell: '/bin/nosuch' }`. Never a secret, a stack or a server-side path. */
export type ErrorArguments = Readonly<Record<string, string | number>>;

/** What stands in `error.data` of a JSON-RPC error. */
export interface ErrorData {
  readonly reason: ErrorReason;
  readonly retryable: boolean;
  readonly correlationId: string;
  readonly args?: ErrorArguments;
}

/**
 * An error that may cross the boundary as it is: `message` is an English sentence that says what happened, to what, and
 * what to do. Any other error crosses as `Internal` with a correlation id and nothing else.
 */
export class CodedError extends Error {
  readonly reason: ErrorReason;
  readonly args: ErrorArguments | undefined;
  readonly retryable: boolean;

  constructor(reason: ErrorReason, message: string, details: { args?: ErrorArguments; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'CodedError';
    this.reason = reason;
    this.args = details.args;
    this.retryable = errorTable[reason].retryable;
  }
}

export function isErrorReason(value: unknown): value is ErrorReason {
  return typeof value === 'string' && Object.hasOwn(errorTable, value);
}
