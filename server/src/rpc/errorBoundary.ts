import { CodedError, errorTable, type ErrorData } from '../../protocol/errors.ts';
import type { Logger } from '../base/logger.ts';

/** An error as it crosses: a code and a sentence that are safe to show, and the data a client acts on. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data: ErrorData;
}

/**
 * Turns whatever a handler threw into what may cross the boundary. A `CodedError` crosses as it is; everything else is
 * written to the log, with its stack, and crosses as `Internal` with nothing but the correlation id.
 */
export function toWireError(
  error: unknown,
  request: { method: string; correlationId: string; logger: Logger },
): WireError {
  const { method, correlationId, logger } = request;
  if (error instanceof CodedError) {
    if (error.reason === 'Cancelled') logger.debug('Request cancelled', { method, correlationId });
    else
      logger.info('Request refused', {
        method,
        correlationId,
        reason: error.reason,
        detail: error.message,
        error: error.cause,
      });
    return {
      code: errorTable[error.reason].code,
      message: error.message,
      data: {
        reason: error.reason,
        retryable: error.retryable,
        correlationId,
        ...(error.args === undefined ? {} : { args: error.args }),
      },
    };
  }
  logger.error('Request failed', { method, correlationId, error });
  return {
    code: errorTable.Internal.code,
    message: `The server failed on this request. Its log has the details under ${correlationId}.`,
    data: { reason: 'Internal', retryable: false, correlationId },
  };
}
