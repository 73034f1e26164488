import { readFileSync, unwatchFile, watchFile, type StatsListener } from 'node:fs';
import * as path from 'node:path';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';

/** How long after a change of the file it is noticed, at most. */
const watchMs = 1_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings outside an editor: `settings.json` of the data folder, then the endpoints that the usual environment
 * variables name, where the file says nothing of them. A file that cannot be read is warned of and left alone.
 */
export function readSettingsFile(dataFolder: string, environment: Environment, logger: Logger): object {
  return { ...fromEnvironment(environment), ...readFile(fileIn(dataFolder), logger) };
}

/**
 * Calls `onChanged` with the settings whenever the file has changed, or came or went; what cannot be used changes nothing.
 * The time between two looks is short enough for a person, and keeps no process alive.
 */
export function watchSettingsFile(
  dataFolder: string,
  environment: Environment,
  logger: Logger,
  onChanged: (settings: object) => void,
): Disposable {
  const file = fileIn(dataFolder);
  const look: StatsListener = (now, before) => {
    if (now.mtimeMs === before.mtimeMs && now.size === before.size && now.ino === before.ino) return;
    const settings = readFile(file, logger);
    if (settings === undefined) return;
    logger.info('settings.json has changed and was read again', { file });
    onChanged({ ...fromEnvironment(environment), ...settings });
  };
  watchFile(file, { interval: watchMs, persistent: false }, look);
  return toDisposable(() => unwatchFile(file, look));
}

function fileIn(dataFolder: string): string {
  return path.join(dataFolder, 'settings.json');
}

function fromEnvironment(environment: Environment): object {
  return {
    ...(environment['OPENAI_BASE_URL'] ? { 'providers.openai.baseUrl': environment['OPENAI_BASE_URL'] } : {}),
    ...(environment['OLLAMA_HOST'] ? { 'providers.ollama.baseUrl': withScheme(environment['OLLAMA_HOST']) } : {}),
  };
}

/** Empty where there is no file; undefined, which is logged, where it cannot be used. */
function readFile(file: string, logger: Logger): object | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
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

/** Ollama's own variable is often written without a scheme: `127.0.0.1:11434`. */
function withScheme(host: string): string {
  return /^https?:\/\//.test(host) ? host : `http://${host}`;
}
