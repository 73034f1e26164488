import type { SessionEvent } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import { ConversationState } from './conversationState.ts';
import type { ConversationJournal, JournalPurpose, JournalStore } from './ports.ts';

interface HeldJournalOptions {
  readonly journals: Pick<JournalStore, 'open'>;
  /** Called with each event that was appended, once the state knows it. */
  readonly onAppended: (event: SessionEvent) => void;
  /** Called when it was opened anew in place of `former`, and may have more events. */
  readonly onReopened: (former: ConversationJournal) => void;
  /** Opening it anew gives something else. */
  readonly onStale: () => void;
}

/** The journal of an open conversation, which is closed and opened anew for writing or reading, and what its events say. */
export class HeldJournal {
  private readonly options: HeldJournalOptions;
  private journal: ConversationJournal;
  private folded: ConversationState;
  private listening: readonly Disposable[];
  private reopening: { readonly purpose: JournalPurpose; readonly done: Promise<void> } | undefined;

  constructor(journal: ConversationJournal, options: HeldJournalOptions) {
    this.options = options;
    this.journal = journal;
    this.folded = ConversationState.of(journal);
    this.listening = this.listen();
  }

  get current(): ConversationJournal {
    return this.journal;
  }

  get state(): ConversationState {
    return this.folded;
  }

  /** Takes up writing where that was not wanted so far, or whatever stood in the way has gone. Whether it has is to be seen. */
  async openForWriting(): Promise<void> {
    // Where it is being opened to be read, it has to be opened once more.
    if (this.reopening?.purpose === 'reading') await this.reopening.done;
    if (this.journal.access === 'read') await this.reopen('writing');
  }

  /** Gives up writing, so that others may. */
  openForReading(): Promise<void> {
    return this.reopen('reading');
  }

  async close(): Promise<void> {
    await this.reopening?.done.catch(() => undefined);
    this.stopListening();
    await this.journal.close();
  }

  private async reopen(purpose: JournalPurpose): Promise<void> {
    this.reopening ??= { purpose, done: this.openAnew(purpose).finally(() => (this.reopening = undefined)) };
    await this.reopening.done;
  }

  private async openAnew(purpose: JournalPurpose): Promise<void> {
    const former = this.journal;
    await former.close();
    this.stopListening();
    this.journal = await this.options.journals.open(former.header.conversationId, purpose);
    this.folded = ConversationState.of(this.journal);
    this.listening = this.listen();
    this.options.onReopened(former);
  }

  private listen(): readonly Disposable[] {
    const { onStale, onAppended } = this.options;
    return [
      this.journal.onStale(onStale),
      this.journal.onAppended((event) => {
        this.folded.apply(event);
        onAppended(event);
      }),
    ];
  }

  private stopListening(): void {
    for (const listening of this.listening) listening.dispose();
  }
}
