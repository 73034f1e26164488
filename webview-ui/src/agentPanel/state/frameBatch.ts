import type { Disposable } from '../../bridge/disposable.ts';

/** A hidden page gets no animation frames; its batches are handed on after this long. */
const hiddenPageDelayMs = 250;

/**
 * Collects values and hands them on together once a frame, so that a burst of events draws the view once. A batch that
 * reaches `maxSize` is handed on at once.
 */
export class FrameBatch<T> implements Disposable {
  private readonly deliver: (values: readonly T[]) => void;
  private readonly maxSize: number;
  private values: T[] = [];
  private frame: number | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(deliver: (values: readonly T[]) => void, maxSize = 2000) {
    this.deliver = deliver;
    this.maxSize = maxSize;
  }

  add(value: T): void {
    this.values.push(value);
    if (this.values.length >= this.maxSize) {
      this.flush();
      return;
    }
    this.frame ??= requestAnimationFrame(() => this.flush());
    this.timer ??= setTimeout(() => this.flush(), hiddenPageDelayMs);
  }

  /** Hands on what was collected, now. */
  flush(): void {
    const values = this.values;
    this.clear();
    if (values.length > 0) this.deliver(values);
  }

  /** Forgets what was collected. */
  clear(): void {
    this.values = [];
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    if (this.timer !== null) clearTimeout(this.timer);
    this.frame = null;
    this.timer = null;
  }

  dispose(): void {
    this.clear();
  }
}
