import type { Clock } from './clock.ts';
import type { Disposable } from './disposable.ts';

const windowMs = 60_000;

/** What a minute has brought beyond what was let pass. */
export interface Flood<Kind> {
  /** What those that were counted have in common. */
  readonly kind: Kind;
  readonly more: number;
  readonly withinMs: number;
}

export interface FloodGateOptions<Kind> {
  readonly maxPerMinute: number;
  /** So many kinds are counted each by itself in one minute. */
  readonly maxKinds: number;
  /** Two kinds of one name are counted together. So are those of one `group`, of which there must be few, beyond `maxKinds`. */
  readonly nameOf: (kind: Kind) => { readonly name: string; readonly group: string };
  /** What two kinds that are counted together have in common. */
  readonly joined: (one: Kind, other: Kind) => Kind;
  readonly clock: Clock;
  /** Called as a minute ends that has brought more than passed. */
  readonly tell: (flood: Flood<Kind>) => void;
}

interface Window<Kind> {
  admitted: number;
  more: number;
  counted: Kind | undefined;
  readonly timer: Disposable;
}

/**
 * Lets the first few events of a kind pass in any minute; the rest is counted, and told as one as the minute ends. Else
 * whoever can cause them by the thousand could fill a disk, or hide among them what others do.
 */
export class FloodGate<Kind> implements Disposable {
  private readonly options: FloodGateOptions<Kind>;
  private readonly windows = new Map<string, Window<Kind>>();

  constructor(options: FloodGateOptions<Kind>) {
    this.options = options;
  }

  /** Whether one more event of `kind` passes; if not, it was counted. */
  admits(kind: Kind): boolean {
    const window = this.windowOf(kind);
    if (window.admitted < this.options.maxPerMinute) {
      window.admitted += 1;
      return true;
    }
    window.more += 1;
    window.counted = window.counted === undefined ? kind : this.options.joined(window.counted, kind);
    return false;
  }

  /** Tells what was counted so far. */
  dispose(): void {
    for (const key of [...this.windows.keys()]) this.end(key);
  }

  private windowOf(kind: Kind): Window<Kind> {
    const { maxKinds, nameOf, clock } = this.options;
    const { name, group } = nameOf(kind);
    const own = this.windows.get(name);
    if (own) return own;
    const key = this.windows.size < maxKinds ? name : `all of ${group}`;
    let window = this.windows.get(key);
    if (!window) {
      window = { admitted: 0, more: 0, counted: undefined, timer: clock.after(windowMs, () => this.end(key)) };
      this.windows.set(key, window);
    }
    return window;
  }

  private end(key: string): void {
    const window = this.windows.get(key);
    this.windows.delete(key);
    window?.timer.dispose();
    if (window?.counted === undefined) return;
    this.options.tell({ kind: window.counted, more: window.more, withinMs: windowMs });
  }
}
