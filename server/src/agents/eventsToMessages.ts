import type { ContentBlock, SessionEvent, SessionUpdate, ToolCallContent } from '../../protocol/sessionEvents.ts';
import type { AssistantPart, JsonValue, ModelMessage, ToolResultPart } from './ports.ts';

type ToolCall = Extract<SessionUpdate, { sessionUpdate: 'tool_call' }>;

/** What is known of a tool call whose answer the model has to get. */
interface OpenCall {
  readonly toolCallId: string;
  readonly toolName: string;
  status: string;
  content: readonly ToolCallContent[];
  note: string | undefined;
  /** The person was asked and has not said yes. */
  isWaiting: boolean;
}

/**
 * Makes of a journal the messages for the next model call. It needs nothing but the events, so a turn goes on after a
 * kill at any point: each tool call gets exactly one result, and one whose end is unknown says so.
 */
export function eventsToMessages(events: readonly SessionEvent[]): ModelMessage[] {
  const builder = new MessageBuilder(lastTurnStart(events));
  for (const [index, event] of events.entries()) builder.add(event, events[index + 1]);
  return builder.finish();
}

function lastTurnStart(events: readonly SessionEvent[]): number {
  return events.findLast((event) => event.update.sessionUpdate === 'turn_started')?.sequence ?? 0;
}

class MessageBuilder {
  private readonly messages: ModelMessage[] = [];
  private readonly currentTurnSequence: number;
  private readonly questions = new Map<string, string>();
  private userMessageId: string | undefined;
  private userTexts: string[] = [];
  private step: string | undefined;
  private parts: AssistantPart[] = [];
  private calls = new Map<string, OpenCall>();
  /** Where the results of earlier calls stand; a command that went on without its call may complete one later. */
  private readonly answered = new Map<
    string,
    { readonly call: OpenCall; readonly replace: (call: OpenCall) => void }
  >();
  private wasBrokenOff = false;

  constructor(currentTurnSequence: number) {
    this.currentTurnSequence = currentTurnSequence;
  }

  add(event: SessionEvent, next: SessionEvent | undefined): void {
    const { update } = event;
    switch (update.sessionUpdate) {
      case 'turn_started':
        this.endStep();
        if (next?.update.sessionUpdate !== 'user_message_chunk') this.goOn();
        break;
      case 'user_message_chunk':
        this.endStep();
        if (this.userMessageId !== update.messageId) this.endUserMessage();
        this.userMessageId = update.messageId;
        this.userTexts.push(textOf(update.content));
        break;
      case 'agent_message_chunk':
        this.beginStep(update.messageId);
        this.addText('text', textOf(update.content));
        break;
      case 'agent_thought_chunk':
        this.beginStep(update.messageId);
        // Providers want thoughts back within a turn, and not after it.
        if (event.sequence > this.currentTurnSequence) this.addText('reasoning', textOf(update.content));
        break;
      case 'tool_call':
        this.addCall(update);
        break;
      case 'tool_call_update':
        this.updateCall(update);
        break;
      case 'permission_requested':
        this.questions.set(update.requestId, update.toolCallId);
        this.setWaiting(update.toolCallId, true);
        break;
      case 'permission_answered':
        this.setWaiting(this.questions.get(update.requestId), update.optionId?.startsWith('allow') !== true);
        break;
      case 'turn_ended':
        this.endStep();
        this.noteTurnEnd(update.stopReason);
        break;
      default:
        break;
    }
  }

  finish(): ModelMessage[] {
    this.endStep();
    this.endUserMessage();
    return this.messages;
  }

  private beginStep(messageId: string): void {
    this.endUserMessage();
    const step = stepOf(messageId);
    if (this.step !== step) this.endStep();
    this.step = step;
  }

  private addText(type: 'text' | 'reasoning', text: string): void {
    const last = this.parts.at(-1);
    if (last?.type === type) this.parts[this.parts.length - 1] = { type, text: last.text + text };
    else this.parts.push({ type, text });
  }

  private addCall(update: ToolCall): void {
    this.beginStep(update.messageId ?? update.toolCallId);
    const toolName = update.toolName ?? 'unknown_tool';
    const providerOptions = update.providerMetadata as Record<string, Record<string, JsonValue>> | undefined;
    this.parts.push({
      type: 'tool-call',
      toolCallId: update.toolCallId,
      toolName,
      // Some servers refuse arguments that are no object, even in a call that was answered with an error.
      input: isObject(update.rawInput) ? update.rawInput : {},
      ...(providerOptions && { providerOptions }),
    });
    const { toolCallId, status } = update;
    this.calls.set(toolCallId, {
      toolCallId,
      toolName,
      status,
      content: update.content ?? [],
      note: undefined,
      isWaiting: false,
    });
  }

  private updateCall(update: Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>): void {
    const answered = this.answered.get(update.toolCallId);
    const call = this.calls.get(update.toolCallId) ?? answered?.call;
    if (!call) return;
    call.status = update.status ?? call.status;
    call.content = update.content ?? call.content;
    call.note = update.noteForModel ?? call.note;
    answered?.replace(call);
  }

  private setWaiting(toolCallId: string | undefined, isWaiting: boolean): void {
    const call = toolCallId === undefined ? undefined : this.calls.get(toolCallId);
    if (call) call.isWaiting = isWaiting;
  }

  private endStep(): void {
    if (this.parts.some((part) => part.type !== 'reasoning')) {
      this.messages.push({ role: 'assistant', content: this.parts });
    }
    if (this.calls.size > 0) {
      const content = [...this.calls.values()].map(resultOf);
      this.messages.push({ role: 'tool', content });
      for (const [index, call] of [...this.calls.values()].entries()) {
        this.answered.set(call.toolCallId, { call, replace: (later) => (content[index] = resultOf(later)) });
      }
    }
    this.step = undefined;
    this.parts = [];
    this.calls = new Map();
  }

  /** What the person wrote becomes one message with what stands before it: some models refuse two in a row. */
  private endUserMessage(): void {
    if (this.userTexts.length > 0) this.addUserText(this.userTexts.join('\n\n'));
    this.userMessageId = undefined;
    this.userTexts = [];
  }

  private addUserText(text: string): void {
    const last = this.messages.at(-1);
    if (last?.role === 'user')
      this.messages[this.messages.length - 1] = { role: 'user', content: `${last.content}\n\n${text}` };
    else this.messages.push({ role: 'user', content: text });
  }

  /** A turn without words of the person goes on with the one before; a model only answers somebody. */
  private goOn(): void {
    this.endUserMessage();
    const hasAnswer = this.messages.at(-1)?.role === 'assistant';
    if (hasAnswer || this.wasBrokenOff) this.addUserText('Please go on where you stopped.');
  }

  private noteTurnEnd(stopReason: string): void {
    this.endUserMessage();
    this.wasBrokenOff = stopReason === 'cancelled' || stopReason === 'interrupted';
    if (stopReason === 'cancelled') this.addUserText('(I stopped the turn here.)');
    if (stopReason === 'interrupted')
      this.addUserText('(The turn was interrupted here because the assistant was restarted.)');
  }
}

/** Thoughts and text of one model call carry the same id up to the point. */
function stepOf(messageId: string): string {
  return messageId.split('.', 1)[0] ?? messageId;
}

function resultOf(call: OpenCall): ToolResultPart {
  const { toolCallId, toolName } = call;
  const text = call.content
    .map((content) => (content.type === 'content' ? textOf(content.content) : ''))
    .filter(Boolean);
  const value = [...text, ...(call.note === undefined ? [] : [call.note])].join('\n');
  switch (call.status) {
    case 'completed':
      return { type: 'tool-result', toolCallId, toolName, output: { type: 'text', value: value || '(no output)' } };
    case 'failed':
      return {
        type: 'tool-result',
        toolCallId,
        toolName,
        output: { type: 'error-text', value: value || 'It failed.' },
      };
    default:
      return {
        type: 'tool-result',
        toolCallId,
        toolName,
        output: { type: 'error-text', value: interruptedResult(call) },
      };
  }
}

function interruptedResult(call: { readonly status: string; readonly isWaiting: boolean }): string {
  if (call.isWaiting) return 'Interrupted: this waited for the permission of the person and did not run.';
  if (call.status === 'pending') return 'Interrupted: this was not started.';
  return 'Interrupted: this had been started, but how far it came is not known. Look before you repeat it.';
}

/** The text of a block, as a model can read it. */
export function textOf(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'resource_link':
      return `[${block.name}](${block.uri})`;
    case 'resource':
      return `<file uri="${block.resource.uri}">\n${block.resource.text}\n</file>`;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
