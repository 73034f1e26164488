import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { logFailure, type Log } from '../log.ts';

/** Several times within a lease, so that one that comes late does no harm. */
const renewEveryMs = 5_000;

export interface WindowLeaseOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves once the window has answered; never, while there is no window. */
  readonly askWindow: () => PromiseLike<unknown>;
  readonly renew: () => Promise<void>;
}

/**
 * Renews a window's lease for as long as the window answers. That the extension host runs says little: a remote one
 * goes on for hours after its page is gone. One question is on its way at a time, and while it is not answered nothing
 * is renewed.
 */
export class WindowLease implements Disposable {
  private readonly options: WindowLeaseOptions;
  private timer: Disposable;
  private isAsking = false;
  private isDisposed = false;

  constructor(options: WindowLeaseOptions) {
    this.options = options;
    this.timer = this.later();
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer.dispose();
  }

  private later(): Disposable {
    return this.options.clock.after(renewEveryMs, () => {
      this.timer = this.later();
      if (!this.isAsking) logFailure(this.options.log, "Renewing this window's lease", this.ask());
    });
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    try {
      await this.options.askWindow();
      if (!this.isDisposed) await this.options.renew();
    } finally {
      this.isAsking = false;
    }
  }
}
