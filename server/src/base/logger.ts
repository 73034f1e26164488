import type { HiddenValues } from './hiddenValues.ts';
import { redact } from './redaction.ts';
import { isSecretKey } from './secretNames.ts';

/** Levels in rising order of weight; `off` writes nothing. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'off'] as const;
export type LogLevel = (typeof logLevels)[number];

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The structured logger that every part is given. `fields` are facts about one line; those of `child` stand on every
 * line of the child. An `Error` under the key `error` is written with its stack, which stays in the local log; one that
 * says by a `code` or a `reason` what went wrong, such as a full disk, needs none.
 */
export interface Logger {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
  /** `text` without the secrets that are kept out of the lines, for what leaves this process by another way. */
  redacted(text: string): string;
}

/** Where finished lines go: the language client's output channel, stderr, or a rotated file. */
export type LogSink = (level: Exclude<LogLevel, 'off'>, line: string) => void;

const maxLineChars = 8_192;
const nothing: Pick<HiddenValues, 'values'> = { values: [] };

/**
 * A logger that writes one line a call, bounded to 8,192 characters, with secrets replaced: values under a key that
 * names one, strings of the well-known shapes (OpenAI, GitHub, bearer tokens, JSON web tokens), and what is `hidden`.
 */
export function createLogger(sink: LogSink, level: LogLevel | (() => LogLevel), hidden = nothing): Logger {
  const write: Write = (at, message, fields) => {
    const least = typeof level === 'string' ? level : level();
    if (logLevels.indexOf(at) < logLevels.indexOf(least)) return;
    sink(at, formatLine(message, fields, hidden.values));
  };
  return boundLogger({}, write, (text) => redact(text, hidden.values));
}

type Write = (at: Exclude<LogLevel, 'off'>, message: string, fields: LogFields) => void;

function boundLogger(bound: LogFields, write: Write, redacted: Logger['redacted']): Logger {
  return {
    trace: (message, fields) => write('trace', message, { ...bound, ...fields }),
    debug: (message, fields) => write('debug', message, { ...bound, ...fields }),
    info: (message, fields) => write('info', message, { ...bound, ...fields }),
    warn: (message, fields) => write('warn', message, { ...bound, ...fields }),
    error: (message, fields) => write('error', message, { ...bound, ...fields }),
    child: (fields) => boundLogger({ ...bound, ...fields }, write, redacted),
    redacted,
  };
}

function formatLine(message: string, fields: LogFields, hidden: readonly string[]): string {
  const parts = [message];
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    parts.push(`${key}=${isSecretKey(key) ? '[redacted]' : formatValue(value)}`);
  }
  const line = redact(parts.join(' '), hidden)
    .replace(/[\r\n]+/g, '\\n')
    .replace(unprintable, escaped);
  return line.length <= maxLineChars ? line : `${line.slice(0, maxLineChars)}… (${line.length} characters)`;
}

/** What moves the cursor, recolours or reorders where a person reads the log, or ends its line. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function formatValue(value: unknown): string {
  if (value instanceof Error) {
    const cause = value.cause instanceof Error ? ` caused by ${formatValue(value.cause)}` : '';
    const isExplained = 'code' in value || 'reason' in value;
    return `${isExplained ? value.message : (value.stack ?? value.message)}${cause}`;
  }
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value, (key, inner: unknown) => (isSecretKey(key) ? '[redacted]' : inner));
  } catch {
    return String(value);
  }
}
