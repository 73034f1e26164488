import { CodedError } from '../../../protocol/errors.ts';
import { toDisposable, type Disposable } from '../../base/disposable.ts';

/** One screen is computed at a time; the output for the next one is read meanwhile. */
const maxAtOnce = 2;
/** More than the terminals that a person can attach at a time. */
const maxWaiting = 256;

/**
 * Who may hold a terminal's output in memory to have its screen computed. The others wait with nothing in their hands, and
 * read the output when it is their turn, so that it is of then, and however many ask, little is held.
 */
export class ScreenTurns {
  private atOnce = 0;
  private readonly waiting = new Set<() => void>();

  /**
   * Resolves when it is the caller's turn, which lasts until the result is disposed. Rejects with `Cancelled` by `signal`,
   * and with `Unavailable` where too many wait.
   */
  async take(signal: AbortSignal): Promise<Disposable> {
    if (signal.aborted) throw cancelled();
    if (this.atOnce >= maxAtOnce) await this.wait(signal);
    else this.atOnce++;
    return toDisposable(() => this.pass());
  }

  private async wait(signal: AbortSignal): Promise<void> {
    if (this.waiting.size >= maxWaiting) {
      const why = `${maxWaiting} screens of terminals are waited for already`;
      throw new CodedError('Unavailable', `The screen of this terminal was not computed: ${why}. Try again.`);
    }
    await new Promise<void>((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.waiting.delete(begin);
        reject(cancelled());
      };
      this.waiting.add(begin);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** The turn goes to who has waited longest. */
  private pass(): void {
    const [next] = this.waiting;
    if (!next) {
      this.atOnce--;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}

function cancelled(): CodedError {
  return new CodedError('Cancelled', 'The screen was not computed: the request was cancelled.');
}
