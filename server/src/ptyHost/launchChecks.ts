import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import type { PtyCreateParams } from '../ptyProtocol/messages.ts';
import type { PtyLaunch } from './ptyProcess.ts';

/** Longest environment, names and values together. Systems refuse more than about 2 MB of it and the arguments. */
const maxEnvironmentBytes = 524_288;

/**
 * Turns a request into what can be started, or says which of its parts cannot be: the system itself would only let the
 * new process die with a line on its terminal.
 */
export async function checkLaunch(params: PtyCreateParams): Promise<PtyLaunch> {
  checkEnvironment(params.env);
  // Both are looked up at the same time, and it is the folder that is complained of first.
  const program = findProgram(params);
  program.catch(() => undefined);
  await checkFolder(params.cwd);
  const file = await program;
  const { args, cwd, env, cols, rows } = params;
  return { file, args, cwd, env, cols, rows };
}

function checkEnvironment(env: Readonly<Record<string, string>>): void {
  let bytes = 0;
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name.slice(process.platform === 'win32' ? 1 : 0))) {
      throw new PtyProtocolError('InvalidEnvironment', `"${name}" cannot be the name of an environment variable.`);
    }
    if (value.includes('\0')) {
      throw new PtyProtocolError('InvalidEnvironment', `The environment variable ${name} holds a NUL character.`);
    }
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
  }
  if (bytes > maxEnvironmentBytes) {
    throw new PtyProtocolError(
      'InvalidEnvironment',
      `The environment has ${bytes} bytes; ${maxEnvironmentBytes} are allowed.`,
    );
  }
}

async function checkFolder(cwd: string): Promise<void> {
  if (!path.isAbsolute(cwd)) {
    throw new PtyProtocolError('InvalidCwd', `The working folder must be an absolute path, and "${cwd}" is none.`);
  }
  let isFolder: boolean;
  try {
    isFolder = (await fs.stat(cwd)).isDirectory();
    if (isFolder) await fs.access(cwd, fs.constants.X_OK);
  } catch (error) {
    throw new PtyProtocolError('InvalidCwd', `The working folder ${cwd} ${explain(error)}; choose another.`, error);
  }
  if (!isFolder) throw new PtyProtocolError('InvalidCwd', `The working folder ${cwd} is not a folder; choose another.`);
}

async function findProgram({ file, env, cwd }: PtyCreateParams): Promise<string> {
  const hasFolder = file.includes('/') || (process.platform === 'win32' && file.includes('\\'));
  if (hasFolder) {
    const absolute = path.resolve(cwd, file);
    await requireProgram(absolute);
    return absolute;
  }
  const names =
    process.platform === 'win32' && path.extname(file) === '' ? [`${file}.exe`, `${file}.cmd`, file] : [file];
  const searchPath = Object.entries(env).find(([name]) => isPathName(name))?.[1] ?? '';
  for (const folder of searchPath.split(path.delimiter)) {
    for (const name of names) {
      const candidate = path.resolve(cwd, folder, name);
      if (folder !== '' && (await isProgram(candidate))) return candidate;
    }
  }
  throw new PtyProtocolError('InvalidFile', `There is no program "${file}" in the PATH; give its full path.`);
}

function isPathName(name: string): boolean {
  return process.platform === 'win32' ? name.toUpperCase() === 'PATH' : name === 'PATH';
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await requireProgram(file);
    return true;
  } catch {
    // The search goes on in the next folder of the PATH, as a shell's would.
    return false;
  }
}

async function requireProgram(file: string): Promise<void> {
  let isFile: boolean;
  try {
    isFile = (await fs.stat(file)).isFile();
    if (isFile) await fs.access(file, fs.constants.X_OK);
  } catch (error) {
    throw new PtyProtocolError('InvalidFile', `The program ${file} ${explain(error)}; choose another.`, error);
  }
  if (!isFile) throw new PtyProtocolError('InvalidFile', `${file} is not a program but a folder or device.`);
}

function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES') return 'may not be used by this user';
  if (code === 'ENOTDIR') return 'does not exist: a part of its path is a file';
  return `cannot be used (${message})`;
}
