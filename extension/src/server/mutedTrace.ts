import { EventEmitter, LogLevel, type LogOutputChannel } from 'vscode';

const nowhere = (): void => undefined;

/**
 * Where the language client library writes its trace: nowhere. It would write every message with its params, API keys
 * among them, as soon as the log's level is Trace and a setting says so; the level of this channel is Off for good, so
 * the library makes no trace at all.
 */
export const mutedTrace: LogOutputChannel = {
  name: 'AI Development Assistant (no trace)',
  logLevel: LogLevel.Off,
  onDidChangeLogLevel: new EventEmitter<LogLevel>().event,
  trace: nowhere,
  debug: nowhere,
  info: nowhere,
  warn: nowhere,
  error: nowhere,
  append: nowhere,
  appendLine: nowhere,
  replace: nowhere,
  clear: nowhere,
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the interface has both overloads under this name
  show: nowhere,
  hide: nowhere,
  dispose: nowhere,
};
