import type { PtyExit } from '../ptyProtocol/messages.ts';

/** What a terminal is started with. Everything was checked before: see `launchChecks.ts`. */
export interface PtyLaunch {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cols: number;
  readonly rows: number;
}

/** What a terminal tells. Nothing comes after `exited`. */
export interface PtyListener {
  /** `data` is only valid during the call. */
  output(data: Buffer): void;
  /** Some of the input that waited was taken by the terminal. */
  inputTaken(): void;
  /** The program has ended and its last byte was given to `output`, even if the terminal was paused. */
  exited(exit: PtyExit): void;
}

/** One terminal with one program in it, as the rest of the host sees it on every platform. */
export interface PtyProcess {
  readonly pid: number;
  /** Bytes taken by `write` and not yet by the terminal. */
  readonly pendingInputBytes: number;
  /** Stops reading, so that the program blocks once the kernel's buffer is full. */
  pause(): void;
  resume(): void;
  /** Takes all of `data`, which the caller does not change any more. */
  write(data: Uint8Array): void;
  resize(cols: number, rows: number): void;
}
