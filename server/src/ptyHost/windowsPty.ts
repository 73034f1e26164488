import * as nodePty from 'node-pty';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import type { PtyLaunch, PtyListener, PtyProcess } from './ptyProcess.ts';

/** How often a paused terminal's program is looked at: node-pty reports an exit only once all output was read. */
const pausedCheckMs = 500;

/** A terminal on Windows (ConPTY). node-pty gives its output as text there; it is kept as UTF-8 like everywhere else. */
export class WindowsPty implements PtyProcess {
  readonly pid: number;
  /** ConPTY's pipe takes everything; node-pty queues what comes before the terminal is ready. */
  readonly pendingInputBytes = 0;
  private readonly pty: nodePty.IPty;
  private isExited = false;
  private pausedCheck: NodeJS.Timeout | undefined;

  constructor(launch: PtyLaunch, listener: PtyListener) {
    const { file, args, cwd, env, cols, rows } = launch;
    try {
      this.pty = nodePty.spawn(file, [...args], { cwd, env: { ...env }, cols, rows });
    } catch (error) {
      throw new PtyProtocolError('InvalidFile', `Windows could not start ${file}: ${String(error)}`, error);
    }
    this.pid = this.pty.pid;
    this.pty.onData((text) => listener.output(Buffer.from(text, 'utf8')));
    this.pty.onExit(({ exitCode }) => {
      this.isExited = true;
      clearInterval(this.pausedCheck);
      listener.exited({ exitCode, signal: null });
    });
  }

  pause(): void {
    if (this.isExited) return;
    this.pty.pause();
    clearInterval(this.pausedCheck);
    this.pausedCheck = setInterval(() => {
      if (!isAlive(this.pid)) this.resume();
    }, pausedCheckMs);
  }

  resume(): void {
    clearInterval(this.pausedCheck);
    if (!this.isExited) this.pty.resume();
  }

  write(data: Uint8Array): void {
    if (!this.isExited) this.pty.write(Buffer.from(data));
  }

  resize(cols: number, rows: number): void {
    if (!this.isExited) this.pty.resize(cols, rows);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
