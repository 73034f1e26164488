import { isErrorReason, type CodedError } from '../../server/protocol/errors.ts';

/**
 * Whether `error` is a coded one. It is told by its looks and not with `instanceof`: the language client is a bundle of
 * its own, with a copy of the class of its own.
 */
export function isCodedError(error: unknown): error is CodedError {
  return error instanceof Error && error.name === 'CodedError' && isErrorReason((error as Partial<CodedError>).reason);
}
