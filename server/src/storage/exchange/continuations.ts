import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';

/** Work that is done in several requests. */
export interface LongWork {
  /** Gives free what the work holds; what was not finished leaves no trace. Never rejects. */
  close(): Promise<void>;
}

interface Held<T> {
  readonly work: T;
  readonly timer: Disposable;
}

interface ContinuationsOptions {
  readonly clock: Clock;
  /** Of two that wait, the older one is given up for a further one beyond this number. */
  readonly max: number;
  /** What nobody goes on with for so long is given up. */
  readonly idleMs: number;
}

/** Keeps what goes on in a later request, under a name that is good for one request. */
export class Continuations<T extends LongWork> {
  private readonly options: ContinuationsOptions;
  private readonly held = new Map<string, Held<T>>();
  private readonly closings = new Set<Promise<void>>();

  constructor(options: ContinuationsOptions) {
    this.options = options;
  }

  /** Answers the cursor with which to go on. */
  keep(work: T): string {
    const [oldest] = this.held.keys();
    if (this.held.size >= this.options.max && oldest !== undefined) this.giveUp(oldest);
    const cursor = randomBytes(16).toString('hex');
    const timer = this.options.clock.after(this.options.idleMs, () => this.giveUp(cursor));
    this.held.set(cursor, { work, timer });
    return cursor;
  }

  /** The work is the caller's from then on. Undefined if there is none of that name any more. */
  take(cursor: string): T | undefined {
    const held = this.held.get(cursor);
    held?.timer.dispose();
    this.held.delete(cursor);
    return held?.work;
  }

  /** Gives all of it up. */
  async close(): Promise<void> {
    for (const cursor of [...this.held.keys()]) this.giveUp(cursor);
    await Promise.all(this.closings);
  }

  private giveUp(cursor: string): void {
    const closing = this.take(cursor)?.close();
    if (closing === undefined) return;
    this.closings.add(closing);
    void closing.finally(() => this.closings.delete(closing));
  }
}
