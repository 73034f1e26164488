import { createLogger, type Logger } from '../../server/src/base/logger.ts';

/** A real logger whose lines are kept, so that a test can say what was logged and nothing is printed. */
export function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: createLogger((level, line) => lines.push(`${level} ${line}`), 'trace'), lines };
}
