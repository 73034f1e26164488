import type { PermissionOption, SessionEvent, SessionUpdate, StopReason } from '../../protocol/sessionEvents.ts';

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
  private readonly openCalls = new Set<string>();
  private readonly knownCalls = new Set<string>();
  private readonly questions = new Map<string, { readonly options: readonly PermissionOption[]; isOpen: boolean }>();

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
        this.questions.set(update.requestId, { options: update.options, isOpen: true });
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
  question(requestId: string): { readonly options: readonly PermissionOption[]; readonly isOpen: boolean } | undefined {
    return this.questions.get(requestId);
  }

  /** The updates that end what is still open, so that a turn never stays half-finished. `why` is for person and model. */
  closing(why: string): SessionUpdate[] {
    const lapsed = [...this.questions].filter(([, question]) => question.isOpen);
    return [
      ...lapsed.map(([requestId]): SessionUpdate => ({ sessionUpdate: 'permission_answered', requestId, optionId: null })),
      ...[...this.openCalls].map(
        (toolCallId): SessionUpdate => ({
          sessionUpdate: 'tool_call_update',
          toolCallId,
          status: 'failed',
          noteForModel: why,
        }),
      ),
    ];
  }

  private followCall(toolCallId: string, status: string | undefined): void {
    if (status === 'pending' || status === 'in_progress') this.openCalls.add(toolCallId);
    else if (status !== undefined) this.openCalls.delete(toolCallId);
  }

  private followFolder(rawOutput: unknown): void {
    if (typeof rawOutput !== 'object' || rawOutput === null || !('cwdAfter' in rawOutput)) return;
    if (typeof rawOutput.cwdAfter === 'string') this.commandCwd = rawOutput.cwdAfter;
  }
}
