/** Shortest and longest wait before a terminal whose buffer was full is tried again. */
const retryMs = { first: 1, last: 50 };
/** Most bytes offered to the system in one call. */
const pieceBytes = 65_536;

/**
 * Input on its way to one terminal. The system takes as much as the program has room for; the rest waits here, and the
 * session bounds how much that may be. Node's own streams are no use on a pty's master: they block the whole process.
 */
export class PtyInput {
  private readonly writeNow: (data: Uint8Array) => number;
  private readonly onTaken: () => void;
  private queue: Uint8Array[] = [];
  private queuedBytes = 0;
  private retry: NodeJS.Timeout | undefined;
  private delayMs = retryMs.first;
  private isDisposed = false;

  /**
   * `writeNow` returns how many bytes the system took, and throws EAGAIN where it took none. `onTaken` is called when it
   * has taken some of those that waited.
   */
  constructor(writeNow: (data: Uint8Array) => number, onTaken: () => void) {
    this.writeNow = writeNow;
    this.onTaken = onTaken;
  }

  get pendingBytes(): number {
    return this.queuedBytes;
  }

  add(data: Uint8Array): void {
    if (this.isDisposed || data.length === 0) return;
    this.queue.push(data);
    this.queuedBytes += data.length;
    if (!this.retry) this.pump();
  }

  dispose(): void {
    this.isDisposed = true;
    clearTimeout(this.retry);
    this.queue = [];
    this.queuedBytes = 0;
  }

  private pump(): void {
    this.retry = undefined;
    const before = this.queuedBytes;
    this.pumpQueue();
    if (this.queuedBytes < before) this.onTaken();
  }

  private pumpQueue(): void {
    for (let first = this.queue[0]; first; first = this.queue[0]) {
      const offered = first.subarray(0, pieceBytes);
      const taken = this.tryWrite(offered);
      if (taken === undefined) return this.dispose();
      this.queuedBytes -= taken;
      if (taken > 0) this.delayMs = retryMs.first;
      if (taken === first.length) this.queue.shift();
      else this.queue[0] = first.subarray(taken);
      if (taken < offered.length) return this.pumpLater();
    }
  }

  /** Bytes taken, or undefined where the terminal is gone and takes no more. */
  private tryWrite(data: Uint8Array): number | undefined {
    try {
      return this.writeNow(data);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : undefined;
    }
  }

  private pumpLater(): void {
    this.retry = setTimeout(() => this.pump(), this.delayMs);
    this.delayMs = Math.min(2 * this.delayMs, retryMs.last);
  }
}
