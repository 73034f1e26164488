import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { JournalStore } from '../journalStore.ts';

/** What opens, lists or begins conversations waits this long for a restore to end. */
const waitLimitMs = 8_000;

/** Keeps everybody away from the conversations while they are replaced. */
export class StorageGate {
  private readonly clock: Clock;
  private readonly underWay = new Set<Promise<unknown>>();
  private closed: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Does `work` once the gate is open. Rejects with `Unavailable` if that takes more than 8 s. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    while (this.closed !== undefined) await this.untilOpen(this.closed);
    const running = work();
    this.underWay.add(running);
    try {
      return await running;
    } finally {
      this.underWay.delete(running);
    }
  }

  /** Closes the gate at once, and does `work` when nothing is under way any more. Rejects with `Conflict` if closed. */
  async closedWhile<T>(work: () => Promise<T>): Promise<T> {
    if (this.closed !== undefined) {
      throw new CodedError('Conflict', 'A backup is being restored already. Wait until that has ended.');
    }
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.closed = promise;
    try {
      await Promise.allSettled(this.underWay);
      // Whoever waited for these takes note of what they gave first.
      await turnOfTheLoop();
      return await work();
    } finally {
      this.closed = undefined;
      resolve(undefined);
    }
  }

  private async untilOpen(open: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.clock.after(waitLimitMs, () => resolve(true));
    const isTooLate = await Promise.race([open.then(() => false), promise]);
    timer.dispose();
    if (isTooLate) {
      throw new CodedError('Unavailable', 'A backup is being restored. Try again when that has ended.');
    }
  }
}

/** The journals of a store, for which one waits at the gate. */
export function gatedJournals(
  journals: JournalStore,
  gate: StorageGate,
): Pick<JournalStore, 'create' | 'open' | 'list' | 'delete'> {
  return {
    create: (place) => gate.pass(() => journals.create(place)),
    open: (id, purpose) => gate.pass(() => journals.open(id, purpose)),
    list: (folders) => gate.pass(() => journals.list(folders)),
    delete: (id) => gate.pass(() => journals.delete(id)),
  };
}
