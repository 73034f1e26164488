import * as fs from 'node:fs';
import { ReadStream } from 'node:tty';
import * as nodePty from 'node-pty';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import type { PtyExit } from '../ptyProtocol/messages.ts';
import { PtyInput } from './ptyInput.ts';
import type { PtyLaunch, PtyListener, PtyProcess } from './ptyProcess.ts';

/** node-pty's native half for Unix. Its class above it loses what a paused terminal holds when the program exits. */
interface NativePty {
  fork(
    file: string,
    args: string[],
    env: string[],
    cwd: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    isUtf8: boolean,
    helperPath: string,
    onExit: (exitCode: number, signal: number) => void,
  ): { readonly fd: number; readonly pid: number };
  resize(fd: number, cols: number, rows: number): void;
}

/** How the host starts programs on this machine. */
export interface UnixPtyOptions {
  /** Linux: the program that closes inherited descriptors and becomes the one asked for. */
  readonly execHelper: string | undefined;
  /** macOS: node-pty's own helper, which sets the working folder. */
  readonly spawnHelper: string;
}

/** Read buffer shared by all terminals: its content is copied into a ring before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(65_536);
/** Most bytes drained in one go after an exit, so that one terminal does not hold up the others. */
const drainTurnBytes = 1_048_576;
/** After the program's exit others may still hold its terminal (background jobs). So long they may add to its output. */
const drainQuietMs = 50;
const drainLimitMs = 1_000;
const drainRetryMs = 10;
/** How often a terminal that no process has open is looked at: soon at first, since most programs are just ending then. */
const hungUpLooksMs = { first: 10, last: 250 };

/** A terminal on Linux and macOS. */
export class UnixPty implements PtyProcess {
  readonly pid: number;
  private readonly native: NativePty;
  private readonly fd: number;
  private readonly stream: ReadStream;
  private readonly input: PtyInput;
  private readonly listener: PtyListener;
  private exit: PtyExit | undefined;
  private isPaused = false;
  /** No process had the terminal open, and the stream reads no more. */
  private isHungUp = false;

  constructor(launch: PtyLaunch, listener: PtyListener, options: UnixPtyOptions) {
    this.native = (nodePty as unknown as { native: NativePty }).native;
    this.listener = listener;
    const { fd, pid } = this.fork(launch, options);
    this.fd = fd;
    this.pid = pid;
    // With a buffer of our own, pausing stops the reads themselves: no data can be caught in the stream and be lost
    // with it when the terminal hangs up.
    this.stream = new ReadStream(fd, {
      onread: {
        buffer: readBuffer,
        callback: (count) => {
          listener.output(readBuffer.subarray(0, count));
          return true;
        },
      },
    });
    this.stream.on('error', () => undefined);
    this.keepOpen();
    this.stream.resume();
    this.input = new PtyInput(
      (data) => (this.stream.destroyed ? data.length : fs.writeSync(fd, data)),
      () => listener.inputTaken(),
    );
  }

  get pendingInputBytes(): number {
    return this.input.pendingBytes;
  }

  pause(): void {
    this.isPaused = true;
    if (!this.exit) this.stream.pause();
  }

  resume(): void {
    this.isPaused = false;
    if (!this.exit && !this.isHungUp) this.stream.resume();
  }

  write(data: Uint8Array): void {
    this.input.add(data);
  }

  resize(cols: number, rows: number): void {
    // Once the stream is destroyed its descriptor may already belong to something else.
    if (!this.stream.destroyed) this.native.resize(this.fd, cols, rows);
  }

  private fork(launch: PtyLaunch, options: UnixPtyOptions): { fd: number; pid: number } {
    const { cwd, cols, rows } = launch;
    const file = options.execHelper ?? launch.file;
    const args = options.execHelper === undefined ? [...launch.args] : [launch.file, ...launch.args];
    const env = Object.entries(launch.env).map(([name, value]) => `${name}=${value}`);
    const onExit = (exitCode: number, signal: number) => this.childExited(exitCode, signal);
    try {
      return this.native.fork(file, args, env, cwd, cols, rows, -1, -1, true, options.spawnHelper, onExit);
    } catch (error) {
      throw new PtyProtocolError(
        'ResourceLimit',
        `The system gave no terminal for ${launch.file} (${error instanceof Error ? error.message : String(error)}); ` +
          'close terminals or processes that are not needed and try again.',
        error,
      );
    }
  }

  /**
   * EIO is how Linux says that no process has the terminal open now. The library would close it then, and the system end its
   * program with SIGHUP, which may be about to exit with a code (`touch` closes what it has inherited first), or go on and
   * open `/dev/tty` again. So it stays open until the program has ended.
   */
  private keepOpen(): void {
    const { stream } = this;
    const destroy = stream.destroy.bind(stream);
    stream.destroy = (error?: Error) => {
      if (this.exit) return destroy(error);
      if (!this.isHungUp) this.watchHungUp(hungUpLooksMs.first);
      this.isHungUp = true;
      return stream;
    };
  }

  /** After an error the stream reads no more: what a program writes that comes back is fetched. */
  private watchHungUp(afterMs: number): void {
    setTimeout(() => {
      if (this.exit) return;
      const hasOutput = !this.isPaused && this.readRest() === 'more';
      this.watchHungUp(hasOutput ? hungUpLooksMs.first : Math.min(afterMs * 2, hungUpLooksMs.last));
    }, afterMs);
  }

  private childExited(exitCode: number, signal: number): void {
    this.exit = signal > 0 ? { exitCode: null, signal } : { exitCode, signal: null };
    this.input.dispose();
    this.stream.pause();
    const nowMs = performance.now();
    this.drain({ quietSinceMs: nowMs, limitMs: nowMs + drainLimitMs });
  }

  /**
   * Reads what the program left in the terminal until the system says that there is no more. A paused terminal holds
   * some kilobytes that would be lost if it were closed now, and so does a running one whose reads are yet to come.
   */
  private drain(progress: { quietSinceMs: number; limitMs: number }): void {
    if (this.stream.destroyed) return this.finish();
    const result = this.readRest();
    const nowMs = performance.now();
    if (result === 'ended' || nowMs > progress.limitMs) return this.finish();
    if (result === 'more') {
      setImmediate(() => this.drain({ ...progress, quietSinceMs: nowMs }));
      return;
    }
    if (nowMs - progress.quietSinceMs > drainQuietMs) return this.finish();
    setTimeout(() => this.drain(progress), drainRetryMs);
  }

  private readRest(): 'ended' | 'empty' | 'more' {
    let drained = 0;
    while (drained < drainTurnBytes && (this.exit || !this.isPaused)) {
      let count: number;
      try {
        count = fs.readSync(this.fd, readBuffer);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return drained > 0 ? 'more' : 'empty';
        return 'ended';
      }
      if (count === 0) return 'ended';
      drained += count;
      this.listener.output(readBuffer.subarray(0, count));
    }
    return 'more';
  }

  private finish(): void {
    this.stream.destroy();
    if (this.exit) this.listener.exited(this.exit);
  }
}
