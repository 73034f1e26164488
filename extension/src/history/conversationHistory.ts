import type { ConversationSummary } from '../../../server/protocol/session.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import { describeError, logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';

/** So many conversations are asked for at a time, and the contract gives no more than the second figure. */
const pageSize = 1_000;
const maxListed = 10_000;

export interface ConversationHistoryOptions {
  readonly client: Pick<ServerClient, 'request' | 'onNewServer' | 'onNotification'>;
  readonly log: Log;
}

/** The conversations of the open folder. Nothing is asked for before somebody wants to see them. */
export class ConversationHistory implements Disposable {
  private readonly options: ConversationHistoryOptions;
  private readonly store = new DisposableStore();
  private readonly changes: Emitter<undefined>;
  private limit = pageSize;
  private listing: Promise<readonly ConversationSummary[]> | undefined;
  private conversations: readonly ConversationSummary[] | undefined;

  constructor(options: ConversationHistoryOptions) {
    this.options = options;
    const { client, log } = options;
    this.changes = this.store.add(
      new Emitter((error) => log.error(`A listener of the history failed: ${describeError(error)}`)),
    );
    this.store.add(client.onNewServer(() => this.refreshIfWanted()));
    this.store.add(
      client.onNotification('session/changed', ({ sessionId, session }) =>
        this.take(sessionId, session as ConversationSummary | null),
      ),
    );
  }

  /** Older conversations may exist than those that were listed. */
  get hasOlder(): boolean {
    return this.conversations !== undefined && this.conversations.length >= this.limit && this.limit < maxListed;
  }

  /** The latest first. Rejects with a `CodedError` if the server cannot be asked. */
  async list(): Promise<readonly ConversationSummary[]> {
    if (this.conversations) return this.conversations;
    this.listing ??= this.fetch().finally(() => (this.listing = undefined));
    return this.listing;
  }

  /** Lists anew, with what other windows wrote. */
  refresh(): void {
    this.conversations = undefined;
    this.changes.fire(undefined);
  }

  showOlder(): void {
    this.limit = Math.min(this.limit * 2, maxListed);
    this.refresh();
  }

  /** Called when `list` would answer something else than before. */
  onChanged(listener: () => void): Disposable {
    return this.changes.on(listener);
  }

  dispose(): void {
    this.store.dispose();
  }

  private async fetch(): Promise<readonly ConversationSummary[]> {
    const { sessions } = await this.options.client.request('session/list', { limit: this.limit });
    this.conversations = sessions;
    return sessions;
  }

  private refreshIfWanted(): void {
    if (this.conversations) this.refresh();
  }

  private take(sessionId: string, session: ConversationSummary | null): void {
    if (this.listing) {
      // The list that is under way may or may not have it.
      logFailure(
        this.options.log,
        'Listing the conversations again',
        this.listing.then(() => this.refresh()),
      );
      return;
    }
    if (!this.conversations) return;
    const others = this.conversations.filter((one) => one.sessionId !== sessionId);
    // One in which nothing was said yet has no title, and nobody looks for it.
    const present = session === null || session.title === '' ? [] : [session];
    this.conversations = [...present, ...others].sort((one, other) => other.updatedAt - one.updatedAt);
    this.changes.fire(undefined);
  }
}
