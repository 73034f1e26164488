import { randomUUID } from 'node:crypto';
import type { ResultOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { ConversationSummary } from '../../protocol/session.ts';
import type {
  ContentBlock,
  ConversationId,
  SessionEvent,
  SessionUpdate,
  SessionUpdateKind,
} from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { givenTitle, titleOfText } from '../base/title.ts';
import { Audience, type Attachment } from './audience.ts';
import { CommandFollower } from './commandFollower.ts';
import { ConversationState } from './conversationState.ts';
import { earlierPage, type EarlierPage } from './earlierPage.ts';
import { heldElsewhere, turnIsRunning } from './errors.ts';
import { OpenTurn, type RefusedEnd } from './openTurn.ts';
import { pastCommands } from './pastCommands.ts';
import { Permissions } from './permissions.ts';
import type {
  AuditTrail,
  ConversationJournal,
  JournalStore,
  Models,
  SettingsSource,
  ToolBox,
  WorkspaceSource,
} from './ports.ts';
import { Turn, type TurnPlace, type TurnResult } from './turn.ts';

/** What a conversation works with. */
export interface ConversationPorts {
  readonly journals: JournalStore;
  readonly models: Models;
  readonly tools: ToolBox;
  readonly audit: AuditTrail;
  readonly settings: SettingsSource;
  readonly workspace: WorkspaceSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

const changesSummary: ReadonlySet<SessionUpdateKind> = new Set(['turn_started', 'turn_ended', 'session_info_update']);

/** One open conversation: its journal, those who watch it, and the turn that runs. */
export class Conversation {
  readonly id: ConversationId;
  private readonly ports: ConversationPorts;
  private readonly onChanged: (summary: ConversationSummary) => void;
  private readonly audience: Audience;
  private readonly permissions: Permissions;
  private readonly commands: CommandFollower;
  private readonly openTurn: OpenTurn;
  private journal: ConversationJournal;
  private state: ConversationState;
  private listening: Disposable;
  private running: Turn | undefined;
  private lastUsedAt: number;
  private reopening: Promise<void> | undefined;

  /** `onChanged` is called when a summary says something new. */
  constructor(
    journal: ConversationJournal,
    ports: ConversationPorts,
    onChanged: (summary: ConversationSummary) => void,
  ) {
    this.id = journal.header.conversationId;
    this.ports = ports;
    this.onChanged = onChanged;
    this.journal = journal;
    this.state = ConversationState.of(journal);
    this.audience = new Audience(this.id);
    this.permissions = new Permissions({
      append: (updates) => this.append(updates),
      state: () => this.state,
      record: (outcome, details) => {
        return ports.audit.record({
          kind: 'permission.answered',
          outcome,
          details: { conversationId: this.id, ...details },
        });
      },
      clock: ports.clock,
      hasAudience: () => this.audience.canAnswer || this.running?.client.kind === 'editor',
    });
    this.commands = new CommandFollower({
      conversationId: this.id,
      tools: ports.tools,
      append: (updates) => this.append(updates),
      state: () => this.state,
      logger: ports.logger,
    });
    this.openTurn = new OpenTurn({
      ...ports,
      conversationId: this.id,
      append: (updates) => this.append(updates),
      state: () => this.state,
      takeUpStarted: () => this.commands.takeUpStarted(),
      wasCut: () => this.journal.wasCut,
      mayEnd: () => this.journal.access === 'write' && !this.running,
    });
    this.listening = this.listen();
    this.lastUsedAt = ports.clock.now();
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** Milliseconds since 1970 when anybody last needed it; undefined while somebody does, or something is not written yet. */
  get idleSince(): number | undefined {
    const isNeeded = this.running !== undefined || this.audience.size > 0 || this.openTurn.unsavedEnd !== undefined;
    return isNeeded ? undefined : this.lastUsedAt;
  }

  get model(): string | null {
    return this.state.model;
  }

  summary(): ConversationSummary {
    const { cwd, createdAt, imported } = this.journal.header;
    const { unsavedEnd } = this.openTurn;
    return {
      sessionId: this.id,
      title: this.state.title,
      cwd,
      createdAt,
      updatedAt: this.state.updatedAt,
      access: this.journal.access,
      running: this.running ? !this.running.isEnding : this.runsElsewhere,
      ...(imported && { importedAt: imported.at }),
      ...(unsavedEnd && { unsavedEnd }),
    };
  }

  /** Somebody needs the conversation now. */
  touch(): void {
    this.lastUsedAt = this.ports.clock.now();
  }

  /** Takes up writing where whatever stood in the way has gone since the conversation was opened. */
  async lookForWriteAccess(): Promise<void> {
    if (this.journal.access === 'write') return;
    this.reopening ??= this.reopen().finally(() => (this.reopening = undefined));
    await this.reopening;
  }

  /** Why the disk lets this conversation only be read; undefined where it can be written, or another process holds it. */
  get storageRefusal(): CodedError | undefined {
    const { refusal } = this.journal;
    return refusal?.reason === 'Conflict' ? undefined : refusal;
  }

  /** Another process holds the conversation, and is at work in it. */
  private get runsElsewhere(): boolean {
    const { access, refusal } = this.journal;
    return access === 'read' && refusal?.reason === 'Conflict' && this.state.openTurnId !== undefined;
  }

  /** What could not be read of it. */
  get unreadable(): ConversationJournal['unreadable'] {
    return this.journal.unreadable;
  }

  /**
   * Ends what a server that died has left open, and takes up its commands. Nothing happens where another process may be
   * working on it.
   */
  async endInterruptedTurn(): Promise<void> {
    if (this.journal.access !== 'write' || this.running) return;
    await this.openTurn.end();
    this.commands.follow();
  }

  /** Starts notifications for `client` and gives what it has missed, in one go: no event falls in between. */
  attach(client: Client, fromSequence: number | undefined): Attachment {
    this.touch();
    return this.audience.attach(client, this.journal, fromSequence, () => this.touch());
  }

  detach(client: Client): void {
    this.touch();
    this.audience.detach(client);
  }

  /** A page of what stands before an event, from the journal where it is held no longer. */
  earlier(beforeSequence: number, limit: number, signal: AbortSignal): Promise<EarlierPage> {
    this.touch();
    return earlierPage(this.journal.eventsBefore(beforeSequence, signal), beforeSequence, limit);
  }

  /** The last commands that have ended, the oldest first. */
  pastCommands(limit: number): ResultOf<'session/commands'>['commands'] {
    this.touch();
    return pastCommands(this.journal.events(), limit);
  }

  /** Runs a turn with what the person wrote. Rejects with the error that ended it, if one did. */
  prompt(blocks: readonly ContentBlock[], client: Client): Promise<TurnResult> {
    const messageId = randomUUID();
    const updates = blocks.map((content): SessionUpdate => ({
      sessionUpdate: 'user_message_chunk',
      messageId,
      content,
    }));
    return this.startTurn(client, () => {
      const title = this.state.title === '' ? titleOfBlocks(blocks) : '';
      return title === '' ? updates : [...updates, { sessionUpdate: 'session_info_update', title }];
    });
  }

  /** Runs a turn that goes on with the last one. */
  goOn(client: Client): Promise<TurnResult> {
    return this.startTurn(client, () => {
      if (this.state.turnCount === 0)
        throw new CodedError('Conflict', 'There is no turn to go on with. Write a prompt first.');
      if (this.state.lastStopReason === 'end_turn')
        throw new CodedError('Conflict', 'The last turn is complete. Write a prompt to go on from there.');
      return [];
    });
  }

  /** Ends the running turn. Where there is none, whoever takes one for running is told so. */
  cancel(): void {
    if (this.running) this.running.stop({ stopReason: 'cancelled' });
    else if (this.state.openTurnId !== undefined) this.onChanged(this.summary());
  }

  /** Ends the running turn if nobody watches it any more. */
  cancelIfUnwatched(): void {
    if (this.audience.size === 0) this.cancel();
  }

  answerPermission(requestId: string, optionId: string): Promise<void> {
    this.touch();
    return this.permissions.answer(requestId, optionId);
  }

  /** Chooses the model for the turns to come. */
  async setModel(model: string): Promise<void> {
    await this.takeWriteAccess();
    await this.append([{ sessionUpdate: 'config_option_update', configId: 'model', value: model }]);
  }

  /** Rejects with `InvalidParams` where there is nothing in it to see. */
  async rename(title: string): Promise<void> {
    if (givenTitle(title) === '') {
      throw new CodedError('InvalidParams', 'title: expected a title with something to see.');
    }
    await this.takeWriteAccess();
    await this.append([{ sessionUpdate: 'session_info_update', title }]);
  }

  /** Ends the turn as interrupted and gives the journal free. */
  async close(): Promise<void> {
    this.commands.dispose();
    this.running?.stop({ stopReason: 'interrupted' });
    await this.running?.done;
    await this.endUnsaved();
    this.openTurn.dispose();
    this.audience.dispose();
    await this.reopening?.catch(() => undefined);
    this.listening.dispose();
    await this.journal.close();
  }

  private async startTurn(client: Client, opening: () => readonly SessionUpdate[]): Promise<TurnResult> {
    while (this.running?.isEnding) await this.running.done;
    if (this.running) throw turnIsRunning();
    const turn = new Turn(this.turnPlace(), client, opening);
    this.running = turn;
    try {
      return await turn.result;
    } finally {
      this.running = undefined;
      this.touch();
    }
  }

  private turnPlace(): TurnPlace {
    return {
      ...this.ports,
      conversationId: this.id,
      permissions: this.permissions,
      prepare: async () => {
        await this.takeWriteAccess();
        // A turn whose end could not be written, because the disk was full say, is ended now.
        await this.openTurn.end();
      },
      keepEnd: (end) => this.keepEnd(end),
      cwd: () => this.journal.header.cwd,
      state: () => this.state,
      events: () => this.journal.events(),
      append: (updates) => this.append(updates),
    };
  }

  private keepEnd(end: RefusedEnd): void {
    this.openTurn.keep(end);
    this.onChanged(this.summary());
  }

  /** The last chance to say how a turn ended; without it, whoever opens the conversation next finds it interrupted. */
  private async endUnsaved(): Promise<void> {
    if (this.openTurn.unsavedEnd === undefined || this.journal.access !== 'write') return;
    try {
      await this.openTurn.end();
    } catch (error) {
      this.ports.logger.warn('The end of a turn was not written', { conversationId: this.id, error });
    }
  }

  /** Where another process held the conversation when it was opened, it may have let go since. */
  private async takeWriteAccess(): Promise<void> {
    this.touch();
    await this.lookForWriteAccess();
    if (this.journal.access === 'read') throw this.storageRefusal ?? heldElsewhere();
  }

  private async reopen(): Promise<void> {
    const { access } = this.summary();
    await this.journal.close();
    this.listening.dispose();
    this.journal = await this.ports.journals.open(this.id);
    this.state = ConversationState.of(this.journal);
    this.listening = this.listen();
    this.audience.catchUp(this.journal.events());
    if (this.journal.access !== access) this.onChanged(this.summary());
  }

  /**
   * Those who look at the conversation are to write to it as soon as they can, and to see what another process writes
   * that has taken it over. Nobody else's claim is worth making.
   */
  private async followAccess(): Promise<void> {
    if (this.idleSince !== undefined) return;
    try {
      await this.lookForWriteAccess();
      await this.endInterruptedTurn();
    } catch (error) {
      this.ports.logger.warn('A conversation could not be opened again', { conversationId: this.id, error });
    }
  }

  private append(updates: readonly SessionUpdate[]): Promise<readonly SessionEvent[]> {
    return this.journal.append(updates);
  }

  private listen(): Disposable {
    const stale = this.journal.onStale(() => void this.followAccess());
    const appended = this.journal.onAppended((event) => {
      this.state.apply(event);
      this.audience.send(event);
      const { sessionUpdate } = event.update;
      if (changesSummary.has(sessionUpdate)) this.onChanged(this.summary());
      // Its command went on without the call.
      if (sessionUpdate === 'tool_call_update' && this.running && this.journal.access === 'write')
        this.commands.follow();
    });
    return toDisposable(() => [stale, appended].forEach((listening) => listening.dispose()));
  }
}

/** A title for a conversation that begins with this prompt; empty if that has no text. */
function titleOfBlocks(blocks: readonly ContentBlock[]): string {
  for (const block of blocks) {
    const title = block.type === 'text' ? titleOfText(block.text) : '';
    if (title !== '') return title;
  }
  return '';
}
