import { createLogger, type Logger, type LogLevel } from '../base/logger.ts';

/** Writes log lines to stderr: `<time> <level> <message> <fields>`. Stdout belongs to protocols and results. */
export function createProcessLogger(level: LogLevel): Logger {
  return createLogger((at, line) => process.stderr.write(`${new Date().toISOString()} ${at} ${line}\n`), level);
}
