import { chmodSync, mkdirSync, statSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CodedError } from '../../protocol/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where everything that is kept lives: the option, `AI_DEV_ASSISTANT_HOME`, else the platform's folder for a user's
 * data. VS Code and the command line get the same one.
 */
export function resolveDataFolder(option: string | undefined, env: Environment = process.env): string {
  const chosen = option ?? env['AI_DEV_ASSISTANT_HOME'];
  if (chosen) return path.resolve(chosen);
  const home = os.homedir();
  if (process.platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'ai-dev-assistant');
  if (process.platform === 'win32') {
    return path.join(env['LOCALAPPDATA'] ?? path.join(home, 'AppData', 'Local'), 'ai-dev-assistant');
  }
  return path.join(env['XDG_DATA_HOME'] ?? path.join(home, '.local', 'share'), 'ai-dev-assistant');
}

/**
 * Creates the data folder with mode 0700 if it is missing, and narrows it if others may look into it. One that is there
 * but cannot be written is no reason to fail: what it holds can still be read, and the server's health says so.
 */
export function prepareDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (process.platform !== 'win32' && (statSync(folder).mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new CodedError(
      'Unavailable',
      `The data folder ${folder} cannot be used (${code}). Make it writable, or name another with --data-dir or AI_DEV_ASSISTANT_HOME.`,
      { args: { folder, code }, cause: error },
    );
  }
}
