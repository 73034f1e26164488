import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import { maxPendingInputBytes } from '../ptyProtocol/limits.ts';

interface Waiter {
  readonly bytes: number;
  settle(outcome: 'room' | 'late' | 'over'): void;
}

/** The bound on input that a program has not read yet, and those who wait until there is room for more. */
export class InputRoom {
  private readonly pendingBytes: () => number;
  /** In the order in which they came; a client bounds how many requests it may have under way. */
  private readonly waiters = new Set<Waiter>();

  /** `pendingBytes` tells how much waits for the program now. */
  constructor(pendingBytes: () => number) {
    this.pendingBytes = pendingBytes;
  }

  has(bytes: number): boolean {
    return this.pendingBytes() + bytes <= maxPendingInputBytes;
  }

  /** Resolves to `room` once `bytes` fit, to `late` after `waitMs`, and to `over` once the program has ended. */
  wait(bytes: number, waitMs: number): Promise<'room' | 'late' | 'over'> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => waiter.settle(this.has(bytes) ? 'room' : 'late'), waitMs);
      const waiter: Waiter = {
        bytes,
        settle: (outcome) => {
          clearTimeout(limit);
          this.waiters.delete(waiter);
          resolve(outcome);
        },
      };
      this.waiters.add(waiter);
      this.changed();
    });
  }

  /** The program has read something. */
  changed(): void {
    for (const waiter of this.waiters) if (this.has(waiter.bytes)) waiter.settle('room');
  }

  /** The program has ended. */
  end(): void {
    for (const waiter of this.waiters) waiter.settle('over');
  }

  /** Why `bytes` more cannot be taken, and what to do. */
  refusal(sessionId: string, bytes: number): PtyProtocolError {
    const why =
      bytes > maxPendingInputBytes
        ? `${bytes} bytes of input are more than the ${maxPendingInputBytes} that can wait for a program. Send them in pieces, each once the one before is answered.`
        : `The program in terminal ${sessionId} does not read its input: ${this.pendingBytes()} bytes wait already, and ${bytes} more have no room. None of them was taken. Send them again once it reads, or interrupt it.`;
    return new PtyProtocolError('ResourceLimit', why);
  }
}
