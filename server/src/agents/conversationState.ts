import type { PermissionOption, SessionEvent, SessionUpdate, StopReason } from '../../protocol/sessionEvents.ts';
import type { TerminalId } from '../../protocol/terminal.ts';
import { givenTitle, titleOfText } from '../base/title.ts';
import type { ConversationJournal } from './ports.ts';

type ToolCallUpdate = Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>;

interface Question {
  readonly options: readonly PermissionOption[];
  readonly toolCallId: string;
  isOpen: boolean;
}

/** A call of a tool, as far as it can be taken up again. */
export interface KnownCall {
  readonly toolCallId: string;
  readonly toolName: string;
  /** Where its command runs or ran. */
  terminalId: TerminalId | undefined;
}

/** A call that is over although its command runs on. */
export interface RunningCall extends KnownCall {
  /** The call was over because its server ended: its result is to be completed once the command has ended. */
  readonly isInterrupted: boolean;
}

/** What the server itself has to know of a conversation: a fold over its events. */
export class ConversationState {
  title = '';
  /** The model that was chosen for this conversation; null for the default one. */
  model: string | null = null;
  /** The turn that has begun and not ended; after a crash, one that nobody is working on. */
  openTurnId: string | undefined;
  lastStopReason: StopReason | undefined;
  updatedAt: number;
  sequence = 0;
  turnCount = 0;
  /** Where the last command left its shell. */
  commandCwd: string;
  private readonly openCalls = new Map<string, string>();
  private readonly knownCalls = new Map<string, KnownCall>();
  private readonly running = new Map<string, RunningCall>();
  private readonly questions = new Map<string, Question>();

  constructor(header: { readonly cwd: string; readonly createdAt: number }) {
    this.updatedAt = header.createdAt;
    this.commandCwd = header.cwd;
  }

  /** The state that the events of a journal give. */
  static of(journal: Pick<ConversationJournal, 'header' | 'events'>): ConversationState {
    const state = new ConversationState(journal.header);
    for (const event of journal.events()) state.apply(event);
    return state;
  }

  apply(event: SessionEvent): void {
    const { update } = event;
    this.sequence = event.sequence;
    this.updatedAt = event.at;
    switch (update.sessionUpdate) {
      case 'turn_started':
        this.openTurnId = update.turnId;
        this.turnCount++;
        break;
      case 'turn_ended':
        this.openTurnId = undefined;
        this.lastStopReason = update.stopReason;
        break;
      case 'session_info_update':
        this.title = givenTitle(update.title) || this.title;
        break;
      case 'user_message_chunk':
        // Where the title was not written any more, or is not held in memory: by what it is listed, too.
        if (this.title === '' && update.content.type === 'text') this.title = titleOfText(update.content.text);
        break;
      case 'config_option_update':
        if (update.configId === 'model') this.model = update.value;
        break;
      case 'tool_call':
        this.knownCalls.set(update.toolCallId, {
          toolCallId: update.toolCallId,
          toolName: update.toolName ?? '',
          terminalId: undefined,
        });
        this.followCall(update.toolCallId, update.status);
        break;
      case 'tool_call_update':
        this.followCall(update.toolCallId, update.status);
        this.followFolder(update.rawOutput);
        this.followCommand(update);
        break;
      case 'permission_requested':
        this.questions.set(update.requestId, { options: update.options, toolCallId: update.toolCallId, isOpen: true });
        break;
      case 'permission_answered': {
        const question = this.questions.get(update.requestId);
        if (question) question.isOpen = false;
        break;
      }
      default:
        break;
    }
  }

  hasToolCall(toolCallId: string): boolean {
    return this.knownCalls.has(toolCallId);
  }

  /** Calls that have begun to take effect and have no result. */
  startedCalls(): KnownCall[] {
    const waiting = this.waitingCalls();
    return [...this.openCalls].flatMap(([toolCallId, status]) => {
      const call = this.knownCalls.get(toolCallId);
      return call && status !== 'pending' && !waiting.has(toolCallId) ? [call] : [];
    });
  }

  /** Calls that are over although their commands, as far as the journal knows, run on. */
  runningCalls(): RunningCall[] {
    return [...this.running.values()];
  }

  /** Whether a call has begun and has no result. */
  isCallOpen(toolCallId: string): boolean {
    return this.openCalls.has(toolCallId);
  }

  /** The options of a question that was ever asked. */
  question(requestId: string): Readonly<Question> | undefined {
    return this.questions.get(requestId);
  }

  /**
   * The updates that end what is still open, so that a turn never stays half-finished. `cause` begins the sentence that
   * the model gets about each call: `Cancelled by the person`. `results` are those of calls whose result is known after
   * all.
   */
  closing(cause: string, results: ReadonlyMap<string, SessionUpdate> = new Map()): SessionUpdate[] {
    const lapsed = [...this.questions].filter(([, question]) => question.isOpen);
    const waiting = this.waitingCalls();
    return [
      ...lapsed.map(([requestId]): SessionUpdate => ({
        sessionUpdate: 'permission_answered',
        requestId,
        optionId: null,
      })),
      ...[...this.openCalls].map(([toolCallId, status]): SessionUpdate => {
        const result = results.get(toolCallId);
        if (result) return result;
        const hasRun = status !== 'pending' && !waiting.has(toolCallId);
        const how = hasRun ? 'it had been started, and how far it came is not known' : 'it did not run';
        return { sessionUpdate: 'tool_call_update', toolCallId, status: 'failed', noteForModel: `(${cause}: ${how}.)` };
      }),
    ];
  }

  private waitingCalls(): Set<string> {
    return new Set([...this.questions.values()].flatMap(({ isOpen, toolCallId }) => (isOpen ? [toolCallId] : [])));
  }

  private followCommand({ toolCallId, content = [], rawOutput }: ToolCallUpdate): void {
    const call = this.knownCalls.get(toolCallId);
    if (!call) return;
    for (const part of content) if (part.type === 'terminal') call.terminalId = part.terminalId;
    if (typeof rawOutput !== 'object' || rawOutput === null) return;
    const { running, isInterrupted } = rawOutput as { running?: unknown; isInterrupted?: unknown };
    if (running === true) this.running.set(toolCallId, { ...call, isInterrupted: isInterrupted === true });
    else this.running.delete(toolCallId);
  }

  private followCall(toolCallId: string, status: string | undefined): void {
    if (status === 'pending' || status === 'in_progress') this.openCalls.set(toolCallId, status);
    else if (status !== undefined) this.openCalls.delete(toolCallId);
  }

  private followFolder(rawOutput: unknown): void {
    if (typeof rawOutput !== 'object' || rawOutput === null || !('cwdAfter' in rawOutput)) return;
    if (typeof rawOutput.cwdAfter === 'string') this.commandCwd = rawOutput.cwdAfter;
  }
}
