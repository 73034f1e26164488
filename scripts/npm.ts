import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { requireCommand } from './command.ts';

/** What npm is asked to do, where, and for how long. */
export interface NpmCall {
  readonly purpose: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs npm in another folder, unaffected by the npm that started us, and returns what it printed. */
export function runNpm(call: NpmCall): Promise<string> {
  const environment: NodeJS.ProcessEnv = {
    npm_config_fund: 'false',
    npm_config_audit: 'false',
    npm_config_loglevel: 'error',
  };
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^npm_(package|lifecycle|command|config_local_prefix)/.test(name)) environment[name] ??= value;
  }
  const [command, ...prefix] = npmCommand();
  return requireCommand(call.purpose, command, [...prefix, ...call.args], {
    cwd: call.cwd,
    env: { ...environment, ...call.env },
    timeoutMs: call.timeoutMs,
    output: 'kept',
  });
}

function npmCommand(): [string, ...string[]] {
  const running = process.env['npm_execpath'];
  if (running?.endsWith('.js') && existsSync(running)) return [process.execPath, running];
  if (process.platform !== 'win32') return ['npm'];
  // npm.cmd cannot be started without a shell; the script behind it can.
  const folder = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .find((entry) => existsSync(path.join(entry, 'npm.cmd')));
  if (!folder) throw new Error('npm is not on the PATH: it comes with Node, install that from https://nodejs.org.');
  return [process.execPath, path.join(folder, 'node_modules', 'npm', 'bin', 'npm-cli.js')];
}
