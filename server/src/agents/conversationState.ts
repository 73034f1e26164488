import type { PermissionOption, SessionEvent, SessionUpdate, StopReason } from '../../protocol/sessionEvents.ts';

interface Question {
  readonly options: readonly PermissionOption[];
  readonly toolCallId: string;
  isOpen: boolean;
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
  private readonly knownCalls = new Set<string>();
  private readonly questions = new Map<string, Question>();

  constructor(header: { readonly cwd: string; readonly createdAt: number }) {
    this.updatedAt = header.createdAt;
    this.commandCwd = header.cwd;
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
        this.title = update.title;
        break;
      case 'config_option_update':
        if (update.configId === 'model') this.model = update.value;
        break;
      case 'tool_call':
        this.knownCalls.add(update.toolCallId);
        this.followCall(update.toolCallId, update.status);
        break;
      case 'tool_call_update':
        this.followCall(update.toolCallId, update.status);
        this.followFolder(update.rawOutput);
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
   * the model gets about each call: `Cancelled by the person`.
   */
  closing(cause: string): SessionUpdate[] {
    const lapsed = [...this.questions].filter(([, question]) => question.isOpen);
    const waiting = new Set(lapsed.map(([, question]) => question.toolCallId));
    return [
      ...lapsed.map(([requestId]): SessionUpdate => ({
        sessionUpdate: 'permission_answered',
        requestId,
        optionId: null,
      })),
      ...[...this.openCalls].map(([toolCallId, status]): SessionUpdate => {
        const hasRun = status !== 'pending' && !waiting.has(toolCallId);
        const how = hasRun ? 'it had been started, and how far it came is not known' : 'it did not run';
        return { sessionUpdate: 'tool_call_update', toolCallId, status: 'failed', noteForModel: `(${cause}: ${how}.)` };
      }),
    ];
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
