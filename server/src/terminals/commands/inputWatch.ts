import type { WaitsForInput } from '../../../protocol/terminal.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/logger.ts';
import { findInputPrompt } from './inputPrompt.ts';

/** Silence after which the end of the output is looked at: longer than a program pauses within a line. */
const quietMs = 2_000;
/** A person who has not begun to type by then is not at the keyboard. */
const unansweredMs = 60_000;
const maxTailBytes = 4_096;

export interface InputWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The program seems to wait for input, or (undefined) does so no longer. */
  onChanged(waits: WaitsForInput | undefined): void;
  /** It waits, and nobody has typed for a minute. */
  onUnanswered(): void;
}

/** Follows a program's output and notices when it seems to wait for somebody to type. */
export class InputWatch implements Disposable {
  private readonly options: InputWatchOptions;
  private tail = Buffer.alloc(0);
  private lastOutputAt: number;
  private quiet: Disposable | undefined;
  private unanswered: Disposable | undefined;
  private waits: WaitsForInput | undefined;
  private isDisposed = false;

  constructor(options: InputWatchOptions) {
    this.options = options;
    this.lastOutputAt = options.clock.now();
  }

  /** What it waits for now. */
  get waitsForInput(): WaitsForInput | undefined {
    return this.waits;
  }

  /** What the end of the output asks for, however long ago it was written. */
  get askedLast(): WaitsForInput | undefined {
    return findInputPrompt(this.tail.toString('utf8'));
  }

  take(data: Uint8Array): void {
    if (this.isDisposed) return;
    this.lastOutputAt = this.options.clock.now();
    const recent = data.subarray(-maxTailBytes);
    this.tail = Buffer.concat([this.tail.subarray(-(maxTailBytes - recent.length) || this.tail.length), recent]);
    this.change(undefined);
    this.quiet ??= this.after(quietMs, () => this.look());
  }

  /** Somebody types: whether it goes on shows in its output. */
  typed(): void {
    if (this.waits) this.awaitAnswer();
  }

  dispose(): void {
    this.isDisposed = true;
    this.quiet?.dispose();
    this.change(undefined);
  }

  private look(): void {
    this.quiet = undefined;
    const leftMs = this.lastOutputAt + quietMs - this.options.clock.now();
    if (leftMs > 0) {
      this.quiet = this.after(leftMs, () => this.look());
      return;
    }
    this.change(this.askedLast);
  }

  private change(waits: WaitsForInput | undefined): void {
    if (!waits && !this.waits) return;
    this.waits = waits;
    this.unanswered?.dispose();
    if (waits) this.awaitAnswer();
    this.options.onChanged(waits);
  }

  private awaitAnswer(): void {
    this.unanswered?.dispose();
    this.unanswered = this.after(unansweredMs, () => this.options.onUnanswered());
  }

  /** What a guess fails at must not end the server, as an error that nobody catches in a timer would. */
  private after(delayMs: number, run: () => void): Disposable {
    const { clock, logger } = this.options;
    return clock.after(delayMs, () => {
      try {
        run();
      } catch (error) {
        logger.error('Whether a command waits for input could not be told', { error });
      }
    });
  }
}
