import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import type { Logger } from '../base/logger.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings outside an editor: `settings.json` of the data folder, then the endpoints that the usual environment
 * variables name, where the file says nothing of them. A file that cannot be read is warned of and left alone.
 */
export function readSettingsFile(dataFolder: string, environment: Environment, logger: Logger): unknown {
  const fromEnvironment = {
    ...(environment['OPENAI_BASE_URL'] ? { 'providers.openai.baseUrl': environment['OPENAI_BASE_URL'] } : {}),
    ...(environment['OLLAMA_HOST'] ? { 'providers.ollama.baseUrl': withScheme(environment['OLLAMA_HOST']) } : {}),
  };
  const file = path.join(dataFolder, 'settings.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn('settings.json cannot be read', { file, error });
    return fromEnvironment;
  }
  try {
    const settings: unknown = JSON.parse(text);
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) {
      return { ...fromEnvironment, ...settings };
    }
    logger.warn('settings.json is not one JSON object and is ignored', { file });
  } catch (error) {
    logger.warn('settings.json is not valid JSON and is ignored', { file, detail: (error as Error).message });
  }
  return fromEnvironment;
}

/** Ollama's own variable is often written without a scheme: `127.0.0.1:11434`. */
function withScheme(host: string): string {
  return /^https?:\/\//.test(host) ? host : `http://${host}`;
}
