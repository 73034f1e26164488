import { randomUUID } from 'node:crypto';
import { CodedError } from '../../protocol/errors.ts';
import type { PermissionOption, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import type { ConversationState } from './conversationState.ts';

/** Longer than any working day: whoever has not answered by then will not. */
const maxWaitMs = 12 * 60 * 60_000;
const maxRememberedEffects = 1_000;

const options: PermissionOption[] = [
  { optionId: 'allow_once', name: 'Allow', kind: 'allow_once' },
  { optionId: 'allow_always', name: 'Allow this exact command in this conversation', kind: 'allow_always' },
  { optionId: 'reject_once', name: 'Reject', kind: 'reject_once' },
];

export interface PermissionQuestion {
  readonly toolCallId: string;
  readonly detail: string;
  /** Absolute folder in which a command would run. */
  readonly cwd?: string;
  /** Equal for exactly the same effect. */
  readonly key: string;
}

export interface PermissionsOptions {
  readonly append: (updates: readonly SessionUpdate[]) => Promise<unknown>;
  readonly state: () => ConversationState;
  /** Resolves once an answer stands in the audit log. */
  readonly record: (outcome: string, details: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly clock: Clock;
  /** Whether anybody could answer. */
  readonly hasAudience: () => boolean;
}

/** Asks the people who watch a conversation, through its events. The first answer counts. */
export class Permissions {
  private readonly options: PermissionsOptions;
  private readonly waiting = new Map<string, (optionId: string | null) => void>();
  private readonly allowedKeys = new Set<string>();

  constructor(permissionsOptions: PermissionsOptions) {
    this.options = permissionsOptions;
  }

  /** True if allowed. Rejects with the signal's reason, or `PolicyDenied` where nobody is there to ask. */
  async ask(question: PermissionQuestion, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.allowedKeys.has(question.key)) return true;
    if (!this.options.hasAudience()) {
      throw new CodedError(
        'PolicyDenied',
        'This needs the permission of a person, and nobody is connected to give it.',
      );
    }
    const requestId = randomUUID();
    const { toolCallId, detail, cwd, key } = question;
    const where = cwd === undefined ? {} : { cwd };
    const answered = this.waitForAnswer(requestId, signal);
    try {
      await this.options.append([
        { sessionUpdate: 'permission_requested', requestId, toolCallId, detail, ...where, options },
      ]);
    } catch (error) {
      this.waiting.get(requestId)?.(null);
      await answered;
      throw error;
    }
    const optionId = await answered;
    if (optionId === null) {
      // The question must not stay open for those who watch; the end of the turn closes it where this fails.
      await this.options.append([{ sessionUpdate: 'permission_answered', requestId, optionId: null }]);
      signal.throwIfAborted();
      return false;
    }
    if (optionId === 'allow_always' && this.allowedKeys.size < maxRememberedEffects) this.allowedKeys.add(key);
    return optionId !== 'reject_once';
  }

  /** Resolves once the answer is durable. Rejects with `NotFound`, `Conflict` or `InvalidParams`. */
  async answer(requestId: string, optionId: string): Promise<void> {
    const question = this.options.state().question(requestId);
    if (!question) throw new CodedError('NotFound', 'There is no such question in this conversation.');
    if (!question.options.some((option) => option.optionId === optionId)) {
      const known = question.options.map((option) => option.optionId).join(', ');
      throw new CodedError('InvalidParams', `"${optionId}" is no answer to this question. Answers are: ${known}.`);
    }
    const settle = this.waiting.get(requestId);
    if (!settle) throw new CodedError('Conflict', 'This question has been answered already, or has lapsed.');
    this.waiting.delete(requestId);
    // Durable before it takes effect: a command never runs on an answer that a crash could undo.
    try {
      await this.options.record(optionId, { requestId, toolCallId: question.toolCallId });
      await this.options.append([{ sessionUpdate: 'permission_answered', requestId, optionId }]);
    } catch (error) {
      settle(null);
      throw error;
    }
    settle(optionId);
  }

  private waitForAnswer(requestId: string, signal: AbortSignal): Promise<string | null> {
    return new Promise((resolve) => {
      const lapse = (): void => settle(null);
      const timer = this.options.clock.after(maxWaitMs, lapse);
      const settle = (optionId: string | null): void => {
        timer.dispose();
        signal.removeEventListener('abort', lapse);
        this.waiting.delete(requestId);
        resolve(optionId);
      };
      signal.addEventListener('abort', lapse, { once: true });
      this.waiting.set(requestId, settle);
    });
  }
}
