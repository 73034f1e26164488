import {
  CodedError,
  errorTable,
  type ErrorArguments,
  type ErrorData,
  type ErrorReason,
} from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { FloodGate } from '../base/floodGate.ts';
import type { Logger } from '../base/logger.ts';
import { printable } from '../base/printable.ts';

/** Of each reason and kind of client: a client can cause as many refusals as it likes. */
const maxRefusalsPerMinute = 10;
const maxRefusalKinds = 128;

/** An error as it crosses: a code and a sentence that are safe to show, and the data a client acts on. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data: ErrorData;
}

/** Which request has failed, and whose it was. */
export interface FailedRequest {
  readonly method: string;
  readonly correlationId: string;
  readonly client?: string;
}

/** Refusals that are counted together where there are many. */
interface Refused {
  readonly reason: ErrorReason;
  /** `http`; undefined where they came from several. */
  readonly clients: string | undefined;
}

/** Turns what handlers throw into what may cross the boundary, and writes the log about it. */
export class ErrorBoundary implements Disposable {
  private readonly logger: Logger;
  private readonly refusals: FloodGate<Refused>;

  constructor({ logger, clock }: { readonly logger: Logger; readonly clock: Clock }) {
    this.logger = logger;
    this.refusals = new FloodGate<Refused>({
      maxPerMinute: maxRefusalsPerMinute,
      maxKinds: maxRefusalKinds,
      nameOf: ({ reason, clients = '' }) => ({ name: `${reason} ${clients}`, group: reason }),
      joined: (one, other) => (one.clients === other.clients ? one : { ...one, clients: undefined }),
      clock,
      tell: ({ kind: { reason, clients }, more, withinMs }) =>
        logger.info('More requests were refused', { reason, more, withinMs, clients }),
    });
  }

  /**
   * A `CodedError` crosses as it is, less secrets that a client has put where they do not belong and what would move the
   * cursor of whoever reads it; everything else is written to the log, with its stack, and crosses as `Internal` with
   * nothing but the correlation id. Of refusals the first ten of a reason and a kind of client in a minute are logged, and
   * how many more there were.
   */
  toWireError(error: unknown, request: FailedRequest): WireError {
    if (!(error instanceof CodedError)) {
      this.logger.error('Request failed', { ...request, error });
      return internal(request.correlationId);
    }
    const { reason, message, retryable, args, cause } = error;
    if (reason === 'Cancelled') this.logger.debug('Request cancelled', { ...request });
    else if (this.refusals.admits({ reason, clients: kindOf(request.client) })) {
      this.logger.info('Request refused', { ...request, reason, detail: message, error: cause });
    }
    const shown = args === undefined ? {} : { args: this.shownArguments(args) };
    const data = { reason, retryable, correlationId: request.correlationId, ...shown };
    return { code: errorTable[reason].code, message: this.shown(message), data };
  }

  private shown(text: string): string {
    return printable(this.logger.redacted(text));
  }

  private shownArguments(args: ErrorArguments): ErrorArguments {
    const entries = Object.entries(args);
    return Object.fromEntries(
      entries.map(([name, value]) => [name, typeof value === 'string' ? this.shown(value) : value]),
    );
  }

  /** Tells how many refusals were not logged so far. */
  dispose(): void {
    this.refusals.dispose();
  }
}

/** Of `http-12`, which is a client for one call, `http`. */
function kindOf(client: string | undefined): string | undefined {
  return client?.replace(/-\d+$/, '');
}

function internal(correlationId: string): WireError {
  return {
    code: errorTable.Internal.code,
    message: `The server failed on this request. Its log has the details under ${correlationId}.`,
    data: { reason: 'Internal', retryable: false, correlationId },
  };
}
