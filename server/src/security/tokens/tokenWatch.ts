import type { Clock } from '../../base/clock.ts';
import { toDisposable, type Disposable } from '../../base/disposable.ts';
import type { Bearer } from '../../base/door.ts';
import type { Logger } from '../../base/logger.ts';

/** So soon a revocation by another process is noticed. */
const checkEveryMs = 1_000;

type ShownToken = Pick<Bearer, 'tokenId' | 'digest'>;

interface Watcher {
  readonly digest: string;
  readonly onEnded: () => void;
}

export interface TokenWatchOptions {
  /** The digest that is right for a token now; undefined where it holds no more. Rejects where that cannot be seen. */
  readonly digestOf: (tokenId: string) => Promise<string | undefined>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells those who came in with a token of its end, looking every second. Each token is looked at by itself: one whose file
 * hangs keeps no other from ending. A disk that does not answer ends nothing.
 */
export class TokenWatch implements Disposable {
  private readonly options: TokenWatchOptions;
  private readonly watchers = new Map<string, Set<Watcher>>();
  /** One look at each at most. */
  private readonly looks = new Map<string, object>();
  /** Tokens that are being changed here, and how many changes of each there are. */
  private readonly held = new Map<string, number>();
  /** Tokens that could not be looked at the last time, which was said. */
  private readonly unseen = new Set<string>();
  private timer: Disposable | undefined;
  private isDisposed = false;

  constructor(options: TokenWatchOptions) {
    this.options = options;
  }

  /** Calls `onEnded` once when the token that was shown ends. */
  add({ tokenId, digest }: ShownToken, onEnded: () => void): Disposable {
    const watcher = { digest, onEnded };
    const watchers = this.watchers.get(tokenId) ?? new Set();
    this.watchers.set(tokenId, watchers.add(watcher));
    this.timer ??= this.schedule();
    return toDisposable(() => this.remove(tokenId, watcher));
  }

  /** Tells those who came in with a token whose digest, as it was shown, `hasEnded`. */
  end(tokenId: string, hasEnded: (digest: string) => boolean): void {
    for (const watcher of [...(this.watchers.get(tokenId) ?? [])]) {
      if (!hasEnded(watcher.digest)) continue;
      this.remove(tokenId, watcher);
      try {
        watcher.onEnded();
      } catch (error) {
        this.options.logger.error('Somebody who came in with a token was not sent away properly', { tokenId, error });
      }
    }
  }

  /** Looks at a token no more until that is disposed of: who changes it tells of its end. */
  hold(tokenId: string): Disposable {
    // What is seen while it changes says nothing of how that ends.
    this.looks.delete(tokenId);
    this.held.set(tokenId, (this.held.get(tokenId) ?? 0) + 1);
    return toDisposable(() => {
      const left = (this.held.get(tokenId) ?? 0) - 1;
      if (left > 0) this.held.set(tokenId, left);
      else this.held.delete(tokenId);
    });
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
    this.watchers.clear();
  }

  private remove(tokenId: string, watcher: Watcher): void {
    const watchers = this.watchers.get(tokenId);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.watchers.delete(tokenId);
  }

  private schedule(): Disposable {
    return this.options.clock.after(checkEveryMs, () => {
      for (const tokenId of this.watchers.keys())
        if (!this.looks.has(tokenId) && !this.held.has(tokenId)) void this.check(tokenId);
      this.timer = this.watchers.size === 0 || this.isDisposed ? undefined : this.schedule();
    });
  }

  /** Never rejects. */
  private async check(tokenId: string): Promise<void> {
    const { digestOf, logger } = this.options;
    const look = {};
    this.looks.set(tokenId, look);
    try {
      const holds = await digestOf(tokenId);
      this.unseen.delete(tokenId);
      if (!this.isDisposed && this.looks.get(tokenId) === look) this.end(tokenId, (digest) => digest !== holds);
    } catch (error) {
      if (!this.unseen.has(tokenId)) logger.warn('Whether a token still holds could not be seen', { tokenId, error });
      this.unseen.add(tokenId);
    } finally {
      if (this.looks.get(tokenId) === look) this.looks.delete(tokenId);
    }
  }
}
