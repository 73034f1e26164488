import { toDisposable, type Disposable } from './disposable.ts';
import { Emitter } from './emitter.ts';

/** That something has closed: it happens once, and who asks afterwards is told at once. */
export class ClosedEvent {
  private readonly emitter: Emitter<undefined>;
  private readonly onError: (error: unknown) => void;
  private hasFired = false;

  /** What a listener throws goes to `onError`, and keeps no other from being called. */
  constructor(onError: (error: unknown) => void) {
    this.onError = onError;
    this.emitter = new Emitter(onError);
  }

  on(listener: () => void): Disposable {
    if (!this.hasFired) return this.emitter.on(listener);
    try {
      listener();
    } catch (error) {
      this.onError(error);
    }
    return toDisposable(() => undefined);
  }

  /** Calls the listeners; a second time does nothing. */
  fire(): void {
    if (this.hasFired) return;
    this.hasFired = true;
    this.emitter.fire(undefined);
    this.emitter.dispose();
  }
}
