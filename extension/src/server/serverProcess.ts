import { fork, type ChildProcess } from 'node:child_process';
import { homedir } from 'node:os';
import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../log.ts';
import { OutputLines } from './outputLines.ts';
import type { ServerExit } from './runningServer.ts';
import { serverFlags } from './serverFlags.ts';

/** Output that is still in the pipe when the process ends is read for this long. */
const drainMs = 250;

/** With this the server begins the line in which it says why it cannot go on. */
const lastWordsPrefix = 'ai-dev-assistant: ';

export interface ServerProcessOptions {
  /** Absolute path of the server's bundle. */
  readonly modulePath: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
}

/** One forked server. What it writes goes to the log, line by line. */
export class ServerProcess {
  readonly child: ChildProcess;
  /** Resolves on the process's own end. (`close` would wait for every descendant that holds its stderr.) */
  readonly exited: Promise<ServerExit>;

  constructor(options: ServerProcessOptions) {
    const { clock, log } = options;
    this.child = fork(options.modulePath, options.args, {
      // Not the extension's own folder, which an update could then not remove on Windows.
      cwd: homedir(),
      env: cleanEnvironment(options.environment),
      execArgv: [...serverFlags],
      // Structured cloning carries terminal output as bytes.
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const { child } = this;
    let lastWords: string | undefined;
    const noteLine = (line: string): void => {
      if (line.startsWith(lastWordsPrefix)) lastWords = line.slice(lastWordsPrefix.length);
      writeServerLine(log, line);
    };
    const releaseOutput = [
      readLines(child.stdout, new OutputLines(clock, (line) => log.info(`[server] ${line}`))),
      readLines(child.stderr, new OutputLines(clock, noteLine)),
    ];
    this.exited = new Promise<ServerExit>((resolve) => {
      child.once('exit', (code, signal) => {
        const tell = (): void => resolve({ code, signal, ...(lastWords !== undefined && { lastWords }) });
        // A process that ended by itself may have said why, which is still in the pipe. One that was killed has not.
        if (signal !== null || code === 0) tell();
        else tellOnceDrained(child, clock, tell);
      });
      child.on('error', (error) => {
        log.error(`The server process reports an error: ${error.message}`);
        if (child.pid === undefined) resolve({ code: null, signal: null, error });
      });
    });
    void this.exited.then(() => clock.after(drainMs, () => releaseOutput.forEach((release) => release())));
  }

  get hasEnded(): boolean {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  kill(): void {
    if (!this.hasEnded) this.child.kill('SIGKILL');
  }
}

/**
 * The environment of a server: the extension host's, without what belongs to VS Code itself. Where VS Code's own binary
 * runs the server, it must be told to be Node.
 */
export function cleanEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !/^(?:VSCODE_|ELECTRON_)/i.test(name));
  return { ...Object.fromEntries(kept), ...(process.versions['electron'] && { ELECTRON_RUN_AS_NODE: '1' }) };
}

/** A line of the server's logger keeps its level, and leaves its time to the log. Other lines are warnings. */
export function writeServerLine(log: Log, line: string): void {
  const [, level, text] = /^\d{4}-\d\d-\d\dT[\d:.]+Z (trace|debug|info|warn|error) (.*)$/.exec(line) ?? [];
  log[(level ?? 'warn') as 'trace' | 'debug' | 'info' | 'warn' | 'error'](`[server] ${text ?? line}`);
}

/** Calls `tell` once the output has ended, or after a moment if a descendant keeps it open. */
function tellOnceDrained(child: ChildProcess, clock: Clock, tell: () => void): void {
  const timer = clock.after(drainMs, tell);
  child.once('close', () => {
    timer.dispose();
    tell();
  });
}

/** Reads until the returned function is called, which also lets go of a pipe that somebody else still holds. */
function readLines(stream: Readable | null, lines: OutputLines): () => void {
  stream?.on('data', (data: Buffer) => lines.push(data));
  return () => {
    lines.end();
    stream?.destroy();
  };
}
