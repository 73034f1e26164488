/** Why the pty host refuses a request or ends a connection. Part of the wire protocol. */
export const ptyErrorCodes = [
  /** The bytes are not a frame, the frame is not a message, or the message may not stand here. Ends the connection. */
  'ProtocolViolation',
  'VersionMismatch',
  /** One side could not prove that it knows the token. */
  'Unauthenticated',
  'UnknownMethod',
  'InvalidParams',
  /** The program is missing, is no file, or may not be executed. */
  'InvalidFile',
  'InvalidCwd',
  'InvalidEnvironment',
  /** No such session (or none any more), or no such subscription. */
  'NotFound',
  /** The session has exited, so it takes no input. */
  'Exited',
  /** A bound of the host: sessions, clients, subscriptions, input waiting for the program. */
  'ResourceLimit',
  /** This platform has no such thing. */
  'Unsupported',
  'Internal',
] as const;
export type PtyErrorCode = (typeof ptyErrorCodes)[number];

/** An error that crosses the wire as code and message. The message says what happened, to what, and what to do. */
export class PtyProtocolError extends Error {
  readonly code: PtyErrorCode;

  constructor(code: PtyErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'PtyProtocolError';
    this.code = code;
  }
}

export function isPtyErrorCode(value: unknown): value is PtyErrorCode {
  return (ptyErrorCodes as readonly unknown[]).includes(value);
}
