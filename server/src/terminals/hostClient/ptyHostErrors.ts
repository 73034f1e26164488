import { CodedError, type ErrorReason } from '../../../protocol/errors.ts';
import type { PtyErrorCode } from '../../ptyProtocol/errors.ts';

const reasons: Readonly<Record<PtyErrorCode, ErrorReason>> = {
  ProtocolViolation: 'Internal',
  VersionMismatch: 'Unavailable',
  Unauthenticated: 'Unavailable',
  UnknownMethod: 'Unsupported',
  InvalidParams: 'InvalidParams',
  InvalidFile: 'InvalidShell',
  InvalidCwd: 'InvalidCwd',
  InvalidEnvironment: 'InvalidEnvironment',
  NotFound: 'NotFound',
  Exited: 'Conflict',
  ResourceLimit: 'ResourceLimit',
  Unsupported: 'Unsupported',
  Internal: 'Internal',
};

/** What the pty host answered, in the reasons of our own contract. */
export function fromPtyHost(code: PtyErrorCode, message: string): CodedError {
  return new CodedError(reasons[code], message);
}

/** The pty host cannot be reached, or the connection to it was lost. */
export function unavailable(message: string, cause?: unknown): CodedError {
  return new CodedError('Unavailable', message, { cause });
}
