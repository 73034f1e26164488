import { readFileSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import { errorCode } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';

const lookMs = 1_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings outside an editor: `settings.json` of the data folder, then the endpoints that the usual environment
 * variables name, where the file says nothing of them. A file that cannot be used is warned of and left alone.
 */
export class SettingsFile {
  private readonly file: string;
  private readonly fromEnvironment: object;
  private readonly logger: Logger;
  private seen: string;

  constructor(dataFolder: string, environment: Environment, logger: Logger) {
    this.file = path.join(dataFolder, 'settings.json');
    this.fromEnvironment = fromEnvironment(environment);
    this.logger = logger;
    this.seen = stateOf(this.file);
  }

  read(): object {
    this.seen = stateOf(this.file);
    return { ...this.fromEnvironment, ...this.readFile() };
  }

  /**
   * Calls `onChanged` with the settings whenever the file has changed since it was read, or came or went; what cannot be
   * used changes nothing. It is looked at once a second, which keeps no process alive.
   */
  watch(onChanged: (settings: object) => void): Disposable {
    const timer = setInterval(() => {
      const state = stateOf(this.file);
      if (state === this.seen) return;
      this.seen = state;
      const settings = this.readFile();
      if (settings === undefined) return;
      this.logger.info('settings.json has changed and was read again', { file: this.file });
      onChanged({ ...this.fromEnvironment, ...settings });
    }, lookMs);
    timer.unref();
    return toDisposable(() => clearInterval(timer));
  }

  /** Empty where there is no file; undefined, which is logged, where it cannot be used. */
  private readFile(): object | undefined {
    const { file, logger } = this;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return {};
      logger.warn('settings.json cannot be read', { file, error });
      return undefined;
    }
    try {
      const settings: unknown = JSON.parse(text);
      if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) return settings;
      logger.warn('settings.json is not one JSON object and is ignored', { file });
    } catch (error) {
      logger.warn('settings.json is not valid JSON and is ignored', { file, detail: (error as Error).message });
    }
    return undefined;
  }
}

/** What tells one state of a file from another; empty where it is not there. */
function stateOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? '' : String(errorCode(error));
  }
}

function fromEnvironment(environment: Environment): object {
  return {
    ...(environment['OPENAI_BASE_URL'] ? { 'providers.openai.baseUrl': environment['OPENAI_BASE_URL'] } : {}),
    ...(environment['OLLAMA_HOST'] ? { 'providers.ollama.baseUrl': withScheme(environment['OLLAMA_HOST']) } : {}),
  };
}

/** Ollama's own variable is often written without a scheme: `127.0.0.1:11434`. */
function withScheme(host: string): string {
  return /^https?:\/\//.test(host) ? host : `http://${host}`;
}
