import * as fs from 'node:fs';
import * as path from 'node:path';
import type { LogSink } from '../base/logger.ts';

/** One generation of the log. The one before is kept beside it as `.1`. */
const maxGenerationBytes = 1_048_576;

/**
 * A sink that appends lines to `file`, which never grows beyond two generations of 1 MiB. A log that cannot be written
 * (a full disk) is given up line by line: terminals matter more.
 */
export function createLogFile(file: string): LogSink {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  let bytes = fs.existsSync(file) ? fs.statSync(file).size : 0;
  return (level, line) => {
    const text = `${new Date().toISOString()} ${level} [${process.pid}] ${line}\n`;
    try {
      if (bytes + text.length > maxGenerationBytes) {
        fs.renameSync(file, `${file}.1`);
        bytes = 0;
      }
      fs.appendFileSync(file, text, { mode: 0o600 });
      bytes += Buffer.byteLength(text);
    } catch {
      // There is nowhere left to say so.
    }
  };
}
