import { CodedError } from '../../protocol/errors.ts';
import type { ConversationId } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import { Conversation, type ConversationPorts } from './conversation.ts';
import type { Broadcaster, ConversationJournal, JournalPurpose } from './ports.ts';

const maxOpenConversations = 32;
const closeAfterIdleMs = 5 * 60_000;
const sweepEveryMs = 60_000;

export interface OpenConversationsOptions extends ConversationPorts {
  readonly broadcaster: Broadcaster;
}

/** The conversations that are open in this server: opened when somebody needs them, closed when nobody does. */
export class OpenConversations {
  private readonly options: OpenConversationsOptions;
  private readonly open = new Map<ConversationId, Promise<Conversation>>();
  private readonly opened = new Map<ConversationId, Conversation>();
  /** A conversation that is being closed must not be opened before its lock is free. */
  private readonly closing = new Map<ConversationId, Promise<void>>();
  /** How many requests each conversation is needed by now: those are not closed for want of memory or room. */
  private readonly uses = new Map<ConversationId, number>();
  /** Those that are not yet among the open ones. */
  private beginning = 0;
  private sweep: Disposable;
  private hasEnded = false;

  constructor(options: OpenConversationsOptions) {
    this.options = options;
    this.sweep = this.scheduleSweep();
  }

  /** Those that are being opened included. */
  get size(): number {
    return this.open.size;
  }

  get isClosed(): boolean {
    return this.hasEnded;
  }

  get all(): Conversation[] {
    return [...this.opened.values()];
  }

  find(id: ConversationId): Conversation | undefined {
    return this.opened.get(id);
  }

  /** Makes a conversation of the journal that `create` begins, for which there is room. Rejects with `ResourceLimit`. */
  async begin(create: () => Promise<ConversationJournal>): Promise<Conversation> {
    this.beginning += 1;
    try {
      await this.makeRoom();
      const conversation = this.wrap(await create());
      this.open.set(conversation.id, Promise.resolve(conversation));
      return conversation;
    } finally {
      this.beginning -= 1;
    }
  }

  /**
   * Does `work` with a conversation, which is opened for it if need be, and stays open until that is done. What is open
   * already is not opened anew, whatever it was opened for.
   */
  async use<T>(
    id: ConversationId,
    purpose: JournalPurpose,
    work: (conversation: Conversation) => T | Promise<T>,
  ): Promise<T> {
    this.uses.set(id, (this.uses.get(id) ?? 0) + 1);
    try {
      return await work(await this.get(id, purpose));
    } finally {
      const left = (this.uses.get(id) ?? 0) - 1;
      if (left > 0) this.uses.set(id, left);
      else this.uses.delete(id);
    }
  }

  /** Opens it if need be. Rejects as the journals do, with `ResourceLimit`, and with `Unavailable` once all are closed. */
  async get(id: ConversationId, purpose: JournalPurpose): Promise<Conversation> {
    if (this.hasEnded) throw new CodedError('Unavailable', 'The server is shutting down. Try again in a moment.');
    const known = this.open.get(id);
    if (known) {
      const conversation = await known;
      conversation.touch();
      return conversation;
    }
    const opening = this.openOne(id, purpose);
    this.open.set(id, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.open.get(id) === opening) this.open.delete(id);
      throw error;
    }
  }

  /** Gives its journal free. */
  async closeOne(conversation: Conversation): Promise<void> {
    const { id } = conversation;
    this.open.delete(id);
    this.opened.delete(id);
    const closing = conversation.close();
    const settled = closing
      .catch(() => undefined)
      .then(() => {
        if (this.closing.get(id) === settled) this.closing.delete(id);
      });
    this.closing.set(id, settled);
    await closing;
  }

  /** Makes sure that there is room for those that are opened or begun now, which count already. Rejects with `ResourceLimit`. */
  private async makeRoom(): Promise<void> {
    if (this.open.size + this.beginning <= maxOpenConversations) return;
    const idle = this.unused();
    const oldest = idle.sort((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0))[0];
    if (!oldest) {
      throw new CodedError(
        'ResourceLimit',
        `${maxOpenConversations} conversations are open and in use. Close one before opening another.`,
      );
    }
    await this.closeOne(oldest);
  }

  /** Closes what nobody watches and nothing runs in, however short a time that has been so. Never rejects. */
  closeUnused(): Promise<number> {
    return this.closeIdle(0);
  }

  /** Closes all of them, and opens none any more. */
  async close(): Promise<void> {
    this.hasEnded = true;
    this.sweep.dispose();
    const results = await Promise.allSettled([...this.open.values()].map(async (opening) => (await opening).close()));
    for (const result of results) {
      if (result.status === 'rejected')
        this.options.logger.error('A conversation did not close', { error: result.reason });
    }
    this.open.clear();
    this.opened.clear();
  }

  private async openOne(id: ConversationId, purpose: JournalPurpose): Promise<Conversation> {
    await this.closing.get(id);
    await this.makeRoom();
    const conversation = this.wrap(await this.options.journals.open(id, purpose));
    await conversation.tryEndInterruptedTurn();
    return conversation;
  }

  private wrap(journal: ConversationJournal): Conversation {
    const conversation = new Conversation(journal, this.options, (session) => {
      this.options.broadcaster.notifyAll('session/changed', { sessionId: session.sessionId, session });
    });
    this.opened.set(conversation.id, conversation);
    return conversation;
  }

  private scheduleSweep(): Disposable {
    return this.options.clock.after(sweepEveryMs, () => {
      void this.closeIdle(closeAfterIdleMs)
        .then(() => this.releaseIdle())
        .finally(() => {
          if (!this.hasEnded) this.sweep = this.scheduleSweep();
        });
    });
  }

  /** Answers how many were closed. */
  private async closeIdle(afterMs: number): Promise<number> {
    let closed = 0;
    const deadline = this.options.clock.now() - afterMs;
    for (const conversation of this.unused()) {
      // Closing those before took time, in which somebody may have come for this one, or have closed it.
      if (!this.unused().includes(conversation) || (conversation.idleSince ?? Infinity) > deadline) continue;
      try {
        await this.closeOne(conversation);
        closed += 1;
      } catch (error) {
        this.options.logger.error('An idle conversation did not close', { conversationId: conversation.id, error });
      }
    }
    return closed;
  }

  /** Whoever only reads keeps nobody else from writing. Never rejects. */
  private async releaseIdle(): Promise<void> {
    const deadline = this.options.clock.now() - closeAfterIdleMs;
    for (const conversation of this.all) {
      if ((conversation.heldInVainSince ?? Infinity) > deadline) continue;
      try {
        await conversation.releaseWriteAccess();
      } catch (error) {
        this.options.logger.error('A conversation was not given free', { conversationId: conversation.id, error });
      }
    }
  }

  private unused(): Conversation[] {
    return this.all.filter(({ id, idleSince }) => idleSince !== undefined && !this.uses.has(id));
  }
}
