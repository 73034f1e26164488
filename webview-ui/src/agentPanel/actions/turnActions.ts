import { CodedError } from '../../../../server/protocol/errors.ts';
import type { TerminalId } from '../../../../server/protocol/terminal.ts';
import type { Bridge } from '../../bridge/bridge.ts';
import { errorText } from '../../bridge/errorText.ts';
import { t } from '../../strings.ts';
import type { AgentPanelState } from '../state/agentPanelState.ts';
import type { ConversationActions } from './conversationActions.ts';

/** A turn may wait for a person; the server's own budgets end it long before this last resort of a day and a bit. */
const turnTimeoutMs = 24 * 60 * 60 * 1000 + 60_000;

/** Starts, steers and ends turns of the agent. */
export class TurnActions {
  private readonly bridge: Bridge;
  private readonly state: AgentPanelState;
  private readonly conversations: ConversationActions;
  /** Why the pending prompt's request failed, kept until it is known whether the prompt had arrived all the same. */
  private failure: unknown = null;

  constructor(bridge: Bridge, state: AgentPanelState, conversations: ConversationActions) {
    this.bridge = bridge;
    this.state = state;
    this.conversations = conversations;
  }

  /** Sends `text` as the next prompt, into a new conversation if none is open. */
  async send(text: string): Promise<void> {
    const prompt = text.trim();
    if (prompt === '' || this.state.isRunning.value || this.state.composerBlock.value !== null) return;
    this.failure = null;
    this.state.notice.value = null;
    this.state.draft.value = '';
    this.state.lastPrompt.value = prompt;
    this.state.pendingPrompt.value = prompt;
    try {
      const { sessionId } = this.state.conversation.value ?? (await this.conversations.create());
      await this.bridge.request(
        'session/prompt',
        { sessionId, prompt: [{ type: 'text', text: prompt }] },
        { timeoutMs: turnTimeoutMs },
      );
      this.withdrawPending(prompt, sessionId);
    } catch (error) {
      this.reportSendFailure(error, prompt);
    }
  }

  /** Ends the running turn. */
  cancel(): void {
    const conversation = this.state.conversation.value;
    if (conversation !== null) this.bridge.notify('session/cancel', { sessionId: conversation.sessionId });
  }

  /** Goes on with a turn that ended before its work did. */
  async continueTurn(): Promise<void> {
    const conversation = this.state.conversation.value;
    if (conversation === null || this.state.isRunning.value) return;
    this.state.notice.value = null;
    try {
      const { sessionId } = conversation;
      await this.bridge.request('session/continue', { sessionId }, { timeoutMs: turnTimeoutMs });
    } catch (error) {
      this.reportUnlessShown(error, conversation.view.sequence);
    }
  }

  /** Lets a running command go on in the background, so that the agent goes on without its end. */
  async continueInBackground(terminalId: TerminalId): Promise<void> {
    try {
      await this.bridge.request('terminal/background', { sessionId: terminalId });
    } catch (error) {
      // It ended just then: its card shows how.
      if (error instanceof CodedError && error.reason === 'NotFound') return;
      this.state.notice.value = { text: errorText(error), isError: true };
    }
  }

  async answer(requestId: string, optionId: string): Promise<void> {
    const conversation = this.state.conversation.value;
    if (conversation === null) return;
    try {
      const { sessionId } = conversation;
      await this.bridge.request('session/answer_permission', { sessionId, requestId, optionId });
    } catch (error) {
      // Another client was faster: the answer that counts is shown with the question.
      if (error instanceof CodedError && error.reason === 'Conflict') return;
      this.state.notice.value = { text: errorText(error), isError: true };
    }
  }

  /** Called when the panel is up to date again: a prompt that is still missing was never received. */
  settlePendingPrompt(): void {
    if (this.failure === null || this.state.pendingPrompt.value === null) return;
    const prompt = this.state.pendingPrompt.value;
    this.state.pendingPrompt.value = null;
    // What has been typed since stays; the lost prompt comes before it.
    this.state.draft.value = [prompt, this.state.draft.value].filter((part) => part !== '').join('\n');
    this.state.notice.value = {
      text: t('composer.notSent', { reason: errorText(this.failure) }),
      isError: true,
    };
    this.failure = null;
  }

  private reportSendFailure(error: unknown, prompt: string): void {
    // Once the prompt is part of the conversation, the turn's own end says what went wrong; and a person who has gone
    // to another conversation has left it behind.
    if (this.state.pendingPrompt.value !== prompt) return;
    this.failure = error;
    const isServerGone = error instanceof CodedError && error.reason === 'Unavailable';
    if (!isServerGone || this.state.server.value.state === 'stopped') this.settlePendingPrompt();
    // The prompt may be on disk all the same: the conversation's own events tell, once attached again.
    else if (this.state.isServerUp.value && !this.state.isLoading.value) void this.conversations.attachAgain();
  }

  private withdrawPending(prompt: string, sessionId: string | null): void {
    const isSame = this.state.conversation.value?.sessionId === sessionId;
    if (isSame && this.state.pendingPrompt.value === prompt) this.state.pendingPrompt.value = null;
  }

  /** A turn that began says itself how it ended; only a refusal to begin is left to report. */
  private reportUnlessShown(error: unknown, sequenceBefore: number): void {
    const hasBegun = (this.state.conversation.value?.view.sequence ?? 0) > sequenceBefore;
    // A server that is gone has its banner; one that is there says by the same reason that a disk or a model failed.
    if (!hasBegun && this.state.isServerUp.value) this.state.notice.value = { text: errorText(error), isError: true };
  }
}
