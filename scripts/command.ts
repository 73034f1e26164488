import { spawn, type ChildProcess } from 'node:child_process';

/** How a command is run. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After this time the command and everything it started is killed. */
  readonly timeoutMs: number;
  /** `shown` streams the output as it comes; `kept` only returns it. */
  readonly output: 'shown' | 'kept';
  /** Whether what the command started may go on after its end, as a window does. */
  readonly keepGroup?: boolean;
}

/** How a command ended. `output` is empty when it was shown. */
export interface CommandResult {
  readonly exitCode: number;
  readonly timedOut: boolean;
  readonly output: string;
}

/** Kept output beyond this is cut at the front: the end of a log tells why a command failed. */
const keptOutputChars = 1_000_000;
/** How long a command that is told to end has for ending what it started in groups of their own. */
const orderlyEndMs = 3_000;
const isWindows = process.platform === 'win32';
const running = new Set<ChildProcess>();

/**
 * Runs `command` in a process group of its own, without a shell, to its end. Never rejects for a failing command; it
 * does when the command cannot be started at all.
 */
export function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: !isWindows,
      stdio: options.output === 'shown' ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let output = '';
    let timedOut = false;
    const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-keptOutputChars));
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const limit = setTimeout(() => {
      timedOut = true;
      killGroup(child, 'SIGTERM');
      setTimeout(() => killGroup(child), orderlyEndMs).unref();
    }, options.timeoutMs);
    child.on('error', (error) => {
      clearTimeout(limit);
      running.delete(child);
      reject(new Error(`"${command}" could not be started: ${error.message}`, { cause: error }));
    });
    child.on('exit', (code) => {
      clearTimeout(limit);
      // Whatever the command left behind in its group goes with it, and with it the last holders of the pipes.
      if (!options.keepGroup) killGroup(child);
      running.delete(child);
      const finish = () => resolve({ exitCode: code ?? 1, timedOut, output });
      if (options.output === 'shown' || options.keepGroup) finish();
      else child.once('close', finish);
    });
  });
}

/** Like `runCommand`, but a failure is an error that names what was being done and ends with the command's output. */
export async function requireCommand(
  purpose: string,
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  const result = await runCommand(command, args, options);
  if (result.exitCode === 0) return result.output;
  const reason = result.timedOut ? `no end after ${options.timeoutMs / 1000} s` : `exit code ${result.exitCode}`;
  throw new Error(
    [`${purpose} failed (${reason}).`, result.output.trim().split('\n').slice(-20).join('\n')].join('\n').trim(),
  );
}

/** Kills a child that was started in a group of its own, together with that group. */
export function killGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid === undefined) return;
  if (isWindows) {
    if (child.exitCode === null) child.kill(signal);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: the group is already empty.
  }
}

/** Runs a task of the npm scripts: its commands end with it, and a failure is told in its message alone. */
export async function runTask(task: () => Promise<number>): Promise<void> {
  process.on('exit', endRunning);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(130));
  }
  try {
    process.exitCode = await task();
  } catch (error) {
    console.error(describe(error));
    process.exitCode = 1;
  }
}

/** Called while the process exits, when nothing asynchronous happens any more. */
function endRunning(): void {
  if (running.size === 0) return;
  for (const child of running) killGroup(child, 'SIGTERM');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, orderlyEndMs);
  for (const child of running) killGroup(child);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isUsage = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return isUsage ? `${error.message}. --help lists what there is.` : error.message;
}
