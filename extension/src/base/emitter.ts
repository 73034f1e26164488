import { toDisposable, type Disposable } from './disposable.ts';

/**
 * An event source without `vscode`, so that what uses it runs in a unit test. A listener that throws never keeps the
 * others from being called; its error goes to `onError`.
 */
export class Emitter<T> implements Disposable {
  private readonly listeners = new Set<{ readonly call: (value: T) => void }>();
  private readonly onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.onError = onError;
  }

  /** Number of listeners now registered; tests use it to show that nothing leaks. */
  get size(): number {
    return this.listeners.size;
  }

  on(listener: (value: T) => void): Disposable {
    const entry = { call: listener };
    this.listeners.add(entry);
    return toDisposable(() => this.listeners.delete(entry));
  }

  fire(value: T): void {
    for (const listener of [...this.listeners]) {
      try {
        listener.call(value);
      } catch (error) {
        this.onError(error);
      }
    }
  }

  dispose(): void {
    this.listeners.clear();
  }
}
