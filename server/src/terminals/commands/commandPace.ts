import { CodedError } from '../../../protocol/errors.ts';
import type { ConversationId } from '../../../protocol/sessionEvents.ts';
import type { Clock } from '../../base/clock.ts';
import { SlidingWindow } from '../../base/slidingWindow.ts';

/** More than work ever needs: a model that starts more than two commands a second for so long goes round in circles. */
const windowMs = 10_000;
export const maxCommandsPerWindow = 20;

/** Bounds how fast one conversation's agent may start commands, each of which is a process and a terminal. */
export class CommandPace {
  private readonly clock: Clock;
  private readonly windows = new Map<ConversationId, SlidingWindow>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Counts a command that is about to start. Throws `RateLimited`, in words for the model; such a one does not count. */
  check(conversationId: ConversationId): void {
    const now = this.clock.now();
    for (const [id, window] of this.windows) if (window.isEmpty(now)) this.windows.delete(id);
    const window = this.windows.get(conversationId) ?? new SlidingWindow(windowMs);
    this.windows.set(conversationId, window);
    const retryAfterMs = window.take(now, maxCommandsPerWindow);
    if (retryAfterMs === 0) return;
    const seconds = Math.ceil(retryAfterMs / 1_000);
    throw new CodedError(
      'RateLimited',
      `The command was not run: this conversation has started ${maxCommandsPerWindow} commands within ${windowMs / 1_000} s, ` +
        `which is the most. Wait ${seconds} s before the next one, or do in one command what several would do.`,
      { args: { max: maxCommandsPerWindow, retryAfterMs } },
    );
  }
}
