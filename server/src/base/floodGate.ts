import type { Clock } from './clock.ts';
import type { Disposable } from './disposable.ts';

const windowMs = 60_000;

/** What a minute has brought beyond what was let pass. */
export interface Flood<Kind> {
  readonly kind: Kind;
  readonly more: number;
  readonly withinMs: number;
}

export interface FloodGateOptions<Kind> {
  readonly maxPerMinute: number;
  readonly clock: Clock;
  /** Called as a minute ends that has brought more than passed. */
  readonly tell: (flood: Flood<Kind>) => void;
}

interface Window {
  admitted: number;
  more: number;
  readonly timer: Disposable;
}

/**
 * Lets the first few events of a kind pass in any minute; the rest is counted, and told as one as the minute ends. Else
 * whoever can cause them by the thousand could fill a disk. Of kinds there must be few: each is remembered for a minute.
 */
export class FloodGate<Kind> implements Disposable {
  private readonly options: FloodGateOptions<Kind>;
  private readonly windows = new Map<Kind, Window>();

  constructor(options: FloodGateOptions<Kind>) {
    this.options = options;
  }

  /** Whether one more event of `kind` passes; if not, it was counted. */
  admits(kind: Kind): boolean {
    let window = this.windows.get(kind);
    if (!window) {
      window = { admitted: 0, more: 0, timer: this.options.clock.after(windowMs, () => this.end(kind)) };
      this.windows.set(kind, window);
    }
    if (window.admitted < this.options.maxPerMinute) {
      window.admitted += 1;
      return true;
    }
    window.more += 1;
    return false;
  }

  /** Tells what was counted so far. */
  dispose(): void {
    for (const kind of [...this.windows.keys()]) this.end(kind);
  }

  private end(kind: Kind): void {
    const window = this.windows.get(kind);
    this.windows.delete(kind);
    window?.timer.dispose();
    if (window && window.more > 0) this.options.tell({ kind, more: window.more, withinMs: windowMs });
  }
}
