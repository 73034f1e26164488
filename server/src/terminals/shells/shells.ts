import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The person's login shell, else the platform's own. */
export function defaultShell(env: Environment): string {
  if (process.platform === 'win32') return env['ComSpec'] ?? 'cmd.exe';
  return [env['SHELL'], os.userInfo().shell].find((shell) => shell !== undefined && shell !== '') ?? '/bin/sh';
}

/** The name under which an environment holds PATH: Windows does not mind capitals, a copy of its environment does. */
export function pathVariable(env: Environment): string {
  if (process.platform !== 'win32') return 'PATH';
  return Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
}

/**
 * The absolute path of `shell`: as given, or looked up in PATH. Throws `InvalidShell` with what was tried when there is
 * no such program or it may not be run.
 */
export async function resolveShell(shell: string, env: Environment): Promise<string> {
  if (shell.includes('\0')) throw invalidShell(shell, 'its name has a zero byte in it');
  const extensions = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat'] : [''];
  const isPath = shell.includes('/') || (process.platform === 'win32' && shell.includes('\\'));
  if (isPath && !path.isAbsolute(shell)) throw invalidShell(shell, 'give an absolute path, or a name that is in PATH');
  const folders = isPath
    ? ['']
    : (env[pathVariable(env)] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  for (const folder of folders) {
    for (const extension of extensions) {
      const candidate = path.join(folder, shell + extension);
      if (await isExecutableFile(candidate)) return candidate;
    }
  }
  const exists = isPath && (await fs.stat(shell).then(Boolean, () => false));
  throw invalidShell(shell, exists ? 'it is not a program that may be run' : 'there is no such program');
}

/** Throws `InvalidCwd` unless `cwd` is the absolute path of a folder that may be entered. */
export async function checkCwd(cwd: string): Promise<void> {
  if (!path.isAbsolute(cwd) || cwd.includes('\0')) throw invalidCwd(cwd, 'it is not an absolute path');
  const stat = await fs.stat(cwd).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw invalidCwd(cwd, code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code})`);
  });
  if (!stat.isDirectory()) throw invalidCwd(cwd, 'it is a file, not a folder');
  await fs.access(cwd, constants.X_OK).catch(() => {
    throw invalidCwd(cwd, 'it may not be entered');
  });
}

async function isExecutableFile(file: string): Promise<boolean> {
  try {
    if (!(await fs.stat(file)).isFile()) return false;
    if (process.platform !== 'win32') await fs.access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function invalidShell(shell: string, why: string): CodedError {
  const shown = shell.slice(0, 200);
  return new CodedError('InvalidShell', `The shell "${shown}" cannot be started: ${why}.`, { args: { shell: shown } });
}

function invalidCwd(cwd: string, why: string): CodedError {
  const shown = cwd.slice(0, 500);
  return new CodedError('InvalidCwd', `The terminal cannot start in "${shown}": ${why}.`, { args: { cwd: shown } });
}
