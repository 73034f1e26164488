import type { ConversationId, ToolCallContent } from '../../protocol/sessionEvents.ts';
import type { EffectPlace } from './ports.ts';

/** One line of a permission question. `key` is equal for exactly the same effect, so that an answer can be kept for it. */
export interface PermissionQuestion {
  readonly detail: string;
  /** Absolute folder in which a command would run. */
  readonly cwd?: string;
  readonly key: string;
}

/** The call that a tool works for. */
export interface ToolCallContext {
  readonly conversationId: ConversationId;
  readonly toolCallId: string;
  readonly place: EffectPlace;
  /** Where the conversation's last command left its shell. */
  readonly commandCwd: string;
  /** Asks the person; true if allowed. Rejects when the call is cancelled. */
  ask(question: PermissionQuestion): Promise<boolean>;
  /** Shows something while the call is still running. */
  onContent(content: readonly ToolCallContent[]): void;
  readonly signal: AbortSignal;
}
