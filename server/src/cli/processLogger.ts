import { HiddenValues } from '../base/hiddenValues.ts';
import { createLogger, type Logger, type LogLevel } from '../base/logger.ts';
import { terminalOutput } from './terminalOutput.ts';

/**
 * Writes log lines to stderr, or to what `write` makes of them: `<time> <level> <message> <fields>`. Stdout belongs to
 * protocols and results. `setLevel` takes effect with the next line; what is `hidden` stands in none from then on.
 */
export function createProcessLogger(
  first: LogLevel,
  write: (text: string) => void = (text) => terminalOutput.tell(text),
): { logger: Logger; setLevel: (level: LogLevel) => void; hidden: HiddenValues } {
  let level = first;
  const hidden = new HiddenValues();
  return {
    logger: createLogger(
      (at, line) => write(`${new Date().toISOString()} ${at} ${line}\n`),
      () => level,
      hidden,
    ),
    setLevel: (next) => (level = next),
    hidden,
  };
}
