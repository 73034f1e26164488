import { randomUUID } from 'node:crypto';
import type { ResultOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import { includesScope } from '../../protocol/declaration.ts';
import type { ConversationSummary } from '../../protocol/session.ts';
import type {
  ContentBlock,
  ConversationId,
  SessionEvent,
  SessionUpdate,
  SessionUpdateKind,
} from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import { guestTokenOf } from '../base/guests.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { givenTitle, titleOfText } from '../base/title.ts';
import { Audience, type Attachment } from './audience.ts';
import { CommandFollower } from './commandFollower.ts';
import type { ConversationState } from './conversationState.ts';
import { earlierPage, type EarlierPage } from './earlierPage.ts';
import { heldElsewhere, turnIsRunning } from './errors.ts';
import { HeldJournal } from './heldJournal.ts';
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
  private readonly held: HeldJournal;
  private running: Turn | undefined;
  private lastUsedAt: number;
  private lastUsedToWriteAt: number;
  private isClosed = false;

  /** `onChanged` is called when a summary says something new. */
  constructor(
    journal: ConversationJournal,
    ports: ConversationPorts,
    onChanged: (summary: ConversationSummary) => void,
  ) {
    this.id = journal.header.conversationId;
    this.ports = ports;
    this.onChanged = onChanged;
    this.held = new HeldJournal(journal, {
      journals: ports.journals,
      onAppended: (event) => this.appended(event),
      onReopened: (former) => this.reopened(former),
      onStale: () => void this.followAccess(),
    });
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
    this.lastUsedAt = this.lastUsedToWriteAt = ports.clock.now();
  }

  private get journal(): ConversationJournal {
    return this.held.current;
  }

  private get state(): ConversationState {
    return this.held.state;
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** Milliseconds since 1970 when anybody last needed it; undefined while somebody does, or something is not written yet. */
  get idleSince(): number | undefined {
    const isNeeded = this.running !== undefined || this.audience.size > 0 || this.openTurn.unsavedEnd !== undefined;
    return isNeeded ? undefined : this.lastUsedAt;
  }

  /**
   * Milliseconds since 1970 when anybody last needed to write to it, while it is claimed all the same; undefined where
   * somebody needs to, or nobody is kept from writing.
   */
  get heldInVainSince(): number | undefined {
    return this.journal.access === 'read' || this.isNeededToWrite ? undefined : this.lastUsedToWriteAt;
  }

  /** The tokens of the guests that watch it, or for whom a turn runs. */
  get guests(): ReadonlySet<string> {
    const clients = [...this.audience.clients, ...(this.running ? [this.running.client] : [])];
    return new Set(clients.flatMap((client) => guestTokenOf(client) ?? []));
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
      access: accessOf(this.journal),
      running: this.running ? !this.running.isEnding : this.runsElsewhere,
      ...(imported && { importedAt: imported.at }),
      ...(unsavedEnd && { unsavedEnd }),
    };
  }

  /** Somebody needs the conversation now. */
  touch(): void {
    this.lastUsedAt = this.ports.clock.now();
  }

  /** Takes up writing where that was not wanted so far, or whatever stood in the way has gone. */
  async lookForWriteAccess(): Promise<void> {
    this.lastUsedToWriteAt = this.ports.clock.now();
    const { access } = this.journal;
    await this.held.openForWriting();
    if (access === 'read') await this.tryEndInterruptedTurn();
  }

  /** Gives the conversation free for others, and goes on to read it. */
  releaseWriteAccess(): Promise<void> {
    return this.held.openForReading();
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

  /** A full disk must not keep anybody from reading; the next turn tries again. Never rejects. */
  async tryEndInterruptedTurn(): Promise<void> {
    try {
      await this.endInterruptedTurn();
    } catch (error) {
      this.ports.logger.warn('An interrupted turn could not be ended in its journal', {
        conversationId: this.id,
        error,
      });
    }
  }

  /** Starts notifications for `client` and gives what it has missed, in one go: no event falls in between. */
  attach(client: Client, fromSequence: number | undefined): Attachment {
    this.touch();
    return this.audience.attach(client, this.journal, fromSequence, () => this.noteLeft(client));
  }

  detach(client: Client): void {
    this.noteLeft(client);
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
    this.isClosed = true;
    this.commands.dispose();
    this.running?.stop({ stopReason: 'interrupted' });
    await this.running?.done;
    await this.endUnsaved();
    this.openTurn.dispose();
    this.audience.dispose();
    await this.held.close();
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
      this.noteLeft(client);
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

  /** Who may write and goes has needed to until now. */
  private noteLeft({ scope }: Client): void {
    this.touch();
    if (includesScope(scope, 'agent')) this.lastUsedToWriteAt = this.lastUsedAt;
  }

  private get isNeededToWrite(): boolean {
    return this.running !== undefined || this.audience.canAnswer || this.openTurn.unsavedEnd !== undefined;
  }

  private reopened(former: ConversationJournal): void {
    this.audience.catchUp(this.journal.events());
    if (accessOf(this.journal) !== accessOf(former)) this.onChanged(this.summary());
  }

  /**
   * Those who look at the conversation and may write are to write to it as soon as they can, and everybody is to see what
   * another process writes that has taken it over. Nobody else's claim is worth making.
   */
  private async followAccess(): Promise<void> {
    if (this.isClosed) return;
    try {
      await (this.isNeededToWrite ? this.lookForWriteAccess() : this.releaseWriteAccess());
    } catch (error) {
      this.ports.logger.warn('A conversation could not be opened again', { conversationId: this.id, error });
    }
  }

  private append(updates: readonly SessionUpdate[]): Promise<readonly SessionEvent[]> {
    return this.journal.append(updates);
  }

  private appended(event: SessionEvent): void {
    this.audience.send(event);
    const { sessionUpdate } = event.update;
    if (changesSummary.has(sessionUpdate)) this.onChanged(this.summary());
    // Its command went on without the call.
    if (sessionUpdate === 'tool_call_update' && this.running && this.journal.access === 'write') this.commands.follow();
  }
}

/** Whether anything but whom it was opened for keeps it from being written. */
function accessOf({ refusal }: ConversationJournal): 'write' | 'read' {
  return refusal === undefined ? 'write' : 'read';
}

/** A title for a conversation that begins with this prompt; empty if that has no text. */
function titleOfBlocks(blocks: readonly ContentBlock[]): string {
  for (const block of blocks) {
    const title = block.type === 'text' ? titleOfText(block.text) : '';
    if (title !== '') return title;
  }
  return '';
}
