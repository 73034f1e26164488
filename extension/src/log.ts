/** The part of VS Code's `LogOutputChannel` that the extension writes to, so that files without `vscode` can log. */
export interface Log {
  trace(message: string, ...details: unknown[]): void;
  debug(message: string, ...details: unknown[]): void;
  info(message: string, ...details: unknown[]): void;
  warn(message: string, ...details: unknown[]): void;
  error(message: string | Error, ...details: unknown[]): void;
}

/** Takes a promise that nobody awaits: should it fail, the log says what failed. */
export function logFailure(log: Log, what: string, promise: PromiseLike<unknown>): void {
  promise.then(undefined, (error: unknown) => log.error(`${what} failed: ${describeError(error)}`));
}

/** An error as one line for the local log. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
