import type { UnsavedEnd } from '../../protocol/session.ts';
import type { ConversationId, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import type { ConversationState } from './conversationState.ts';

/** A disk that was full is asked again this often. */
const retryMs = 5_000;

const endIsMissing =
  'The end of this turn is missing: the last bytes in the file of this conversation are damaged. They were kept aside, and you can go on from here.';

/** The end of a turn that the disk refused. */
export interface RefusedEnd {
  readonly turnEnded: Extract<SessionUpdate, { sessionUpdate: 'turn_ended' }>;
  /** What became of calls that were open, as `ConversationState.closing` takes it. */
  readonly cause: string;
  /** What a person is told for as long as the end is not written: why the turn ended early, or why it cannot be saved. */
  readonly error: UnsavedEnd['error'];
}

export interface OpenTurnOptions {
  readonly conversationId: ConversationId;
  readonly state: () => ConversationState;
  readonly append: (updates: readonly SessionUpdate[]) => Promise<unknown>;
  /** The results of calls that had been started, as far as they are known after all. */
  readonly takeUpStarted: () => Promise<ReadonlyMap<string, SessionUpdate>>;
  /** The end of the journal was damaged when it was opened: a turn that looks open may have ended long ago. */
  readonly wasCut: () => boolean;
  /** Whether the conversation can be written, and no turn runs in it. */
  readonly mayEnd: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Ends what the journal has as open although nobody works on it: the turn of a server that died, or one whose end the disk
 * refused. Such an end counts at once, and is written as soon as that works.
 */
export class OpenTurn implements Disposable {
  private readonly options: OpenTurnOptions;
  private refused: RefusedEnd | undefined;
  private ending: Promise<void> | undefined;
  private timer: Disposable | undefined;
  private isDisposed = false;

  constructor(options: OpenTurnOptions) {
    this.options = options;
  }

  /** How the last turn ended, where no event says so yet. */
  get unsavedEnd(): UnsavedEnd | undefined {
    const { refused } = this;
    const isOpen = refused !== undefined && this.options.state().openTurnId === refused.turnEnded.turnId;
    return isOpen
      ? { turnId: refused.turnEnded.turnId, stopReason: refused.turnEnded.stopReason, error: refused.error }
      : undefined;
  }

  /** Takes an end that could not be written, and tries again every few seconds. */
  keep(refused: RefusedEnd): void {
    this.refused = refused;
    this.tryLater();
  }

  /** Writes the end of the open turn; nothing happens where none is open. Rejects as an append does. */
  async end(): Promise<void> {
    this.ending ??= this.write().finally(() => (this.ending = undefined));
    await this.ending;
  }

  dispose(): void {
    this.isDisposed = true;
    this.timer?.dispose();
  }

  private async write(): Promise<void> {
    const { state, append, takeUpStarted } = this.options;
    const turnId = state().openTurnId;
    if (turnId !== undefined) {
      const { cause, turnEnded } = this.endOf(turnId);
      const results = await takeUpStarted();
      await append([...state().closing(cause, results), turnEnded]);
    }
    this.refused = undefined;
    this.timer?.dispose();
  }

  private endOf(turnId: string): Pick<RefusedEnd, 'turnEnded' | 'cause'> {
    if (this.refused !== undefined && this.unsavedEnd !== undefined) return this.refused;
    const turnEnded = { sessionUpdate: 'turn_ended' as const, turnId, stopReason: 'interrupted' as const };
    if (!this.options.wasCut()) return { cause: 'Interrupted by a restart of the assistant', turnEnded };
    const error = { reason: 'Unavailable', message: endIsMissing };
    return { cause: 'What followed could not be read', turnEnded: { ...turnEnded, error } };
  }

  private tryLater(): void {
    this.timer?.dispose();
    this.timer = this.options.clock.after(retryMs, () => void this.tryNow());
  }

  private async tryNow(): Promise<void> {
    const { mayEnd, conversationId, logger } = this.options;
    try {
      if (mayEnd()) await this.end();
    } catch (error) {
      logger.debug('The end of a turn cannot be written yet', { conversationId, error });
    }
    if (this.unsavedEnd !== undefined && !this.isDisposed) this.tryLater();
  }
}
