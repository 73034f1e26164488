import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '../../base/logger.ts';
import { loginArguments } from './loginArguments.ts';
import { resolveShell } from './shells.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A shell that is installed. */
export interface SystemShell {
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
  readonly args: readonly string[];
}

/** Where shells are looked for. */
export interface SystemShellSources {
  readonly platform: NodeJS.Platform;
  /** The system's list of login shells, where it has one. */
  readonly etcShells: string;
}

/** What stands in /etc/shells and can be used as a shell of a terminal, in the order in which it is listed. */
const unixShells = ['bash', 'zsh', 'fish', 'sh', 'pwsh', 'nu', 'dash', 'ksh', 'mksh', 'tcsh', 'csh', 'elvish', 'xonsh'];

const maxEtcShellsBytes = 65_536;
const wslTimeoutMs = 3_000;
const maxDistributions = 32;

/** Shells that are there, each program once. */
export async function findSystemShells(
  sources: SystemShellSources,
  environment: Environment,
  logger: Logger,
): Promise<SystemShell[]> {
  return sources.platform === 'win32' ? findOnWindows(environment, logger) : findOnUnix(sources, environment, logger);
}

async function findOnUnix(
  { etcShells, platform }: SystemShellSources,
  environment: Environment,
  logger: Logger,
): Promise<SystemShell[]> {
  const listed = (await readEtcShells(etcShells, logger)).filter((file) => unixShells.includes(path.basename(file)));
  // Those in PATH first: what the person calls by name is what they mean by it.
  const candidates = unixShells.flatMap((name) => [name, ...listed.filter((file) => path.basename(file) === name)]);
  const found: SystemShell[] = [];
  const seen = new Set<string>();
  for (const candidate of candidates) {
    const file = await programAt(candidate, environment);
    const real = file && (await fs.realpath(file));
    if (!real || seen.has(real) || found.some(({ name }) => name === path.basename(file))) continue;
    seen.add(real);
    found.push({ name: path.basename(file), path: file, args: loginArguments(file, platform) });
  }
  return found;
}

async function readEtcShells(file: string, logger: Logger): Promise<string[]> {
  try {
    if ((await fs.stat(file)).size > maxEtcShellsBytes)
      throw new Error(`It is larger than ${maxEtcShellsBytes} bytes.`);
    const lines = (await fs.readFile(file, 'utf8')).split('\n').map((line) => line.replace(/#.*/, '').trim());
    return lines.filter((line) => path.isAbsolute(line));
  } catch (error) {
    // A system need not have one.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn('The list of shells cannot be read', { file, error });
    return [];
  }
}

/** The usual places of what Windows has, Git's bash, and one entry for each distribution of WSL. */
async function findOnWindows(environment: Environment, logger: Logger): Promise<SystemShell[]> {
  const under = (variable: string, ...parts: string[]): string[] => {
    const folder = environment[variable];
    return folder === undefined ? [] : [path.join(folder, ...parts)];
  };
  const system32 = under('SystemRoot', 'System32').concat('C:\\Windows\\System32');
  const places: readonly (readonly [name: string, candidates: readonly string[]])[] = [
    ['PowerShell', ['pwsh', ...under('ProgramFiles', 'PowerShell', '7', 'pwsh.exe')]],
    ['Windows PowerShell', system32.map((folder) => path.join(folder, 'WindowsPowerShell', 'v1.0', 'powershell.exe'))],
    ['Command Prompt', [...under('ComSpec'), ...system32.map((folder) => path.join(folder, 'cmd.exe'))]],
    [
      'Git Bash',
      [
        ...under('ProgramFiles', 'Git', 'bin', 'bash.exe'),
        ...under('ProgramFiles(x86)', 'Git', 'bin', 'bash.exe'),
        ...under('LOCALAPPDATA', 'Programs', 'Git', 'bin', 'bash.exe'),
      ],
    ],
    ['nu', ['nu']],
  ];
  const found: SystemShell[] = [];
  for (const [name, candidates] of places) {
    for (const candidate of candidates) {
      const file = await programAt(candidate, environment);
      if (file === undefined) continue;
      found.push({ name, path: file, args: name === 'Git Bash' ? ['--login', '-i'] : [] });
      break;
    }
  }
  return [...found, ...(await findDistributions(system32, environment, logger))];
}

async function findDistributions(
  system32: readonly string[],
  environment: Environment,
  logger: Logger,
): Promise<SystemShell[]> {
  for (const folder of system32) {
    const file = await programAt(path.join(folder, 'wsl.exe'), environment);
    if (file === undefined) continue;
    try {
      const { stdout } = await promisify(execFile)(file, ['--list', '--quiet'], {
        encoding: 'buffer',
        timeout: wslTimeoutMs,
        windowsHide: true,
      });
      return parseDistributions(stdout).map((name) => ({ name: `${name} (WSL)`, path: file, args: ['-d', name] }));
    } catch (error) {
      // It is there without WSL being set up as well.
      logger.debug('WSL did not list its distributions', { error });
      return [];
    }
  }
  return [];
}

/** What `wsl.exe --list --quiet` prints: one name a line in UTF-16, or UTF-8 where WSL_UTF8 is set. */
export function parseDistributions(output: Buffer): string[] {
  const text = output.includes(0) ? output.toString('utf16le') : output.toString('utf8');
  const names = text.split('\n').map((line) => line.replace(/[\u{feff}\p{Cc}]/gu, '').trim());
  // Docker's own have no shell for people.
  return names.filter((name) => name !== '' && !name.startsWith('docker-desktop')).slice(0, maxDistributions);
}

/** Its absolute path, or undefined where it is not a program on this machine. */
async function programAt(candidate: string, environment: Environment): Promise<string | undefined> {
  return resolveShell(candidate, environment).catch(() => undefined);
}
