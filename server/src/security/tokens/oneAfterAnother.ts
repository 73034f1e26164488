import { CodedError } from '../../../protocol/errors.ts';

/** Does pieces of work one after another, in the order in which they were asked for. */
export class OneAfterAnother {
  private readonly maxWaiting: number;
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(maxWaiting: number) {
    this.maxWaiting = maxWaiting;
  }

  /**
   * Does `work` when all that was asked for before has ended, well or not. Rejects with `ResourceLimit` where too much
   * waits, and with the signal's reason where `signal` was aborted before its turn came.
   */
  async do<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.waiting >= this.maxWaiting) {
      throw new CodedError('ResourceLimit', `${this.waiting} changes wait for their turn already. Try again later.`);
    }
    this.waiting += 1;
    const turn = this.last.then(() => {
      this.waiting -= 1;
      signal.throwIfAborted();
      return work();
    });
    // Whoever asked hears of a failure; the next one waits for its end alone.
    this.last = turn.catch(() => undefined);
    return turn;
  }
}
