import type { ConversationId, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import type { ConversationState, KnownCall, RunningCall } from './conversationState.ts';
import type { ToolBox, ToolCallOutcome } from './ports.ts';
import { endCall } from './toolCalls.ts';

export interface CommandFollowerOptions {
  readonly conversationId: ConversationId;
  readonly tools: Pick<ToolBox, 'takeUp'>;
  readonly append: (updates: readonly SessionUpdate[]) => Promise<unknown>;
  readonly state: () => ConversationState;
  readonly logger: Logger;
}

/**
 * Sees to it that the end of a command comes into its conversation although the call that ran it is over: because the
 * server died, or because the command went on in the background.
 */
export class CommandFollower implements Disposable {
  private readonly options: CommandFollowerOptions;
  private readonly followed = new Set<string>();
  private isDisposed = false;

  constructor(options: CommandFollowerOptions) {
    this.options = options;
  }

  /** The results, as far as they are known, of the calls that were running when their server died. Never rejects. */
  async takeUpStarted(): Promise<Map<string, SessionUpdate>> {
    const results = new Map<string, SessionUpdate>();
    for (const call of this.options.state().startedCalls()) {
      const taken = await this.takeUp(call);
      if (taken) results.set(call.toolCallId, endCall(call.toolCallId, taken.now));
    }
    return results;
  }

  /** Begins to follow every command that goes on, those that are followed already left out. */
  follow(): void {
    for (const call of this.options.state().runningCalls()) {
      if (this.isDisposed || this.followed.has(call.toolCallId)) continue;
      this.followed.add(call.toolCallId);
      void this.followToEnd(call).finally(() => this.followed.delete(call.toolCallId));
    }
  }

  /** Commands go on; whoever opens the conversation next follows them again. */
  dispose(): void {
    this.isDisposed = true;
  }

  /** Never rejects. */
  private async followToEnd(call: RunningCall): Promise<void> {
    try {
      const taken = await this.takeUp(call);
      const outcome = await (taken?.end ?? taken?.now);
      if (!this.isDisposed) await this.options.append([this.lateUpdate(call, outcome)]);
    } catch (error) {
      if (this.isDisposed) return;
      this.options.logger.warn('The end of a command could not be noted in its conversation', {
        ...{ conversationId: this.options.conversationId, toolCallId: call.toolCallId, error },
      });
    }
  }

  /** The model was told of a command in the background already; of an interrupted one it gets the real result. */
  private lateUpdate({ toolCallId, isInterrupted }: RunningCall, outcome: ToolCallOutcome | undefined): SessionUpdate {
    if (!outcome) return { sessionUpdate: 'tool_call_update', toolCallId, rawOutput: { exitCode: null } };
    if (isInterrupted) return endCall(toolCallId, outcome);
    return { sessionUpdate: 'tool_call_update', toolCallId, rawOutput: outcome.rawOutput ?? {} };
  }

  private async takeUp({ toolName, toolCallId, terminalId }: KnownCall): ReturnType<ToolBox['takeUp']> {
    const { conversationId, tools, logger } = this.options;
    try {
      return await tools.takeUp({ toolName, conversationId, toolCallId, terminalId });
    } catch (error) {
      logger.warn('A command could not be taken up again', { conversationId, toolCallId, error });
      return undefined;
    }
  }
}
