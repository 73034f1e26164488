import type { Disposable } from '../base/disposable.ts';
import type { ByteBudget, ByteHolder, ByteLimits } from './byteBudget.ts';

const mib = 1024 * 1024;
/** What may wait for the clients of each token, whatever they speak. */
export const waitingLimits: ByteLimits = { ofOwner: 512 * mib, ofGuest: 64 * mib, ofGuests: 256 * mib };
/** Who reads so slowly that more waits for it gets nothing more; it resumes from the last number it has seen. */
const maxWaitingBytes = 16 * mib;
/** Of a token for which too much waits altogether, only those go for whom more than this does. */
const fairShareBytes = mib;

/** What waits until one client reads it, counted with what waits for all clients of its token. */
export class WaitingBytes implements Disposable {
  private readonly budget: ByteBudget;
  private readonly holder: ByteHolder;
  private bytes = 0;
  private isDisposed = false;

  constructor(budget: ByteBudget, holder: ByteHolder) {
    this.budget = budget;
    this.holder = holder;
  }

  get size(): number {
    return this.bytes;
  }

  /**
   * Whether the client is to go rather than to get `bytes` more, while `waiting` bytes wait for it. Who is behind by no more
   * than its share goes only where twice as much as may waits for its token, and what comes is more than its share: so
   * much is written in one turn to many clients, before any of them could read.
   */
  isTooMuchWith(bytes: number, waiting = this.bytes): boolean {
    const { budget, holder } = this;
    if (waiting > maxWaitingBytes) return true;
    if (waiting > fairShareBytes) return budget.isExceededBy(holder);
    return waiting + bytes > fairShareBytes && budget.isFarExceededBy(holder);
  }

  /** Counts `bytes` more, until what it gives is called, once, or this is disposed of. */
  add(bytes: number): () => void {
    this.change(bytes);
    return () => {
      if (!this.isDisposed) this.change(-bytes);
    };
  }

  dispose(): void {
    this.change(-this.bytes);
    this.isDisposed = true;
  }

  private change(bytes: number): void {
    this.bytes += bytes;
    this.budget.add(this.holder, bytes);
  }
}
