import type { ConversationId, ToolCallContent } from '../../protocol/sessionEvents.ts';
import type { EffectPlace } from './ports.ts';

/** One line of a permission question. `key` is equal for exactly the same effect, so that an answer can be kept for it. */
export interface PermissionQuestion {
  readonly detail: string;
  /** Absolute folder in which a command would run. */
  readonly cwd?: string;
  readonly key: string;
}

/** What a running call shows; a part that is left out stays as it is. */
export interface ToolProgress {
  readonly content?: readonly ToolCallContent[];
  readonly rawOutput?: Readonly<Record<string, unknown>>;
}

/** The call that a tool works for. */
export interface ToolCallContext {
  readonly conversationId: ConversationId;
  readonly toolCallId: string;
  /** As it stands at the time of asking: folders and trust may change while a call runs. */
  place(): EffectPlace;
  /** Where the conversation's last command left its shell. */
  readonly commandCwd: string;
  /** Asks the person; true if allowed. Rejects when the call is cancelled. */
  ask(question: PermissionQuestion): Promise<boolean>;
  /** Shows something while the call is still running. */
  onProgress(progress: ToolProgress): void;
  readonly signal: AbortSignal;
}
