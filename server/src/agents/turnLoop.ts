import { randomUUID } from 'node:crypto';
import type { ResultOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { SessionEvent, SessionUpdate, StopReason, TokenUsage } from '../../protocol/sessionEvents.ts';
import type { Logger } from '../base/logger.ts';
import { eventsToMessages } from './eventsToMessages.ts';
import type { ModelAnswer, ReadyModel } from './ports.ts';
import { StreamCoalescer } from './streamCoalescer.ts';
import { announceCall, refuseCall, runToolCall, type AnnouncedCall, type ToolCallSite } from './toolCalls.ts';

const maxCallsPerAnswer = 50;

/** How a turn ended, and why where that needs words. */
export interface TurnEnding {
  readonly stopReason: StopReason;
  readonly error?: CodedError;
}

/** Aborting a turn's signal with this as the reason gives the turn that ending. */
export class TurnStopped extends Error {
  readonly ending: TurnEnding;

  constructor(ending: TurnEnding) {
    super(`The turn was stopped: ${ending.stopReason}`);
    this.name = 'TurnStopped';
    this.ending = ending;
  }
}

export interface TurnLoopOptions {
  readonly site: ToolCallSite;
  readonly model: ReadyModel;
  /** Asked before each call of the model, since trust and folders may have changed. */
  readonly instructions: () => string;
  readonly events: () => readonly SessionEvent[];
  readonly logger: Logger;
}

interface TurnOutcome {
  readonly ending: TurnEnding;
  /** Of all model calls of the turn; undefined where the provider reported none. */
  readonly usage: TokenUsage | undefined;
}

/** What the request that began a turn is answered with. Throws the error that made it fail, if one did. */
export function turnResultOf({ ending, usage }: TurnOutcome): ResultOf<'session/prompt'> {
  if (ending.stopReason === 'failed' && ending.error) throw ending.error;
  return { stopReason: ending.stopReason, ...(usage && { usage }) };
}

/**
 * The loop of one turn: a model call, the tool calls that it asked for, the next model call. Every message to the model is
 * made from the journal alone, so that a turn which was broken off anywhere can go on.
 */
export class TurnLoop {
  private readonly options: TurnLoopOptions;
  private usage: TokenUsage | undefined;

  constructor(options: TurnLoopOptions) {
    this.options = options;
  }

  /** Never rejects: whatever goes wrong is an ending. */
  async run(): Promise<TurnOutcome> {
    return { ending: await this.toTheEnd(), usage: this.usage };
  }

  private async toTheEnd(): Promise<TurnEnding> {
    const { site } = this.options;
    try {
      for (;;) {
        site.signal.throwIfAborted();
        const spent = site.budget.takeStep();
        if (spent) return { stopReason: 'max_turn_requests', error: spent };
        const ending = await this.step();
        if (ending) return ending;
      }
    } catch (error) {
      return this.explain(error);
    }
  }

  private explain(error: unknown): TurnEnding {
    const { site, logger } = this.options;
    if (error instanceof TurnStopped) return error.ending;
    if (site.signal.reason instanceof TurnStopped) return site.signal.reason.ending;
    if (error instanceof CodedError) return { stopReason: 'failed', error };
    const correlationId = randomUUID();
    logger.error('A turn failed unexpectedly', { correlationId, error });
    return {
      stopReason: 'failed',
      error: new CodedError('Internal', `The turn failed for a reason that stands in the log as ${correlationId}.`, {
        cause: error,
      }),
    };
  }

  /** One model call and its tool calls; an ending if there is nothing more to do. */
  private async step(): Promise<TurnEnding | undefined> {
    const { answer, calls } = await this.askModel();
    await this.reportUsage(answer);
    if (answer.finish === 'refusal') {
      await this.refuseAll(calls, 'Not run: the provider ended the answer for its content.');
      return { stopReason: 'refusal' };
    }
    if (calls.length === 0) return { stopReason: answer.finish === 'length' ? 'max_tokens' : 'end_turn' };
    return this.runCalls(calls);
  }

  private async askModel(): Promise<{ answer: ModelAnswer; calls: AnnouncedCall[] }> {
    const { site, model, instructions, events } = this.options;
    const stepId = randomUUID();
    const calls: AnnouncedCall[] = [];
    const coalescer = new StreamCoalescer({ append: site.append, clock: site.clock, stepId });
    try {
      const answer = await model.call({
        instructions: instructions(),
        messages: eventsToMessages(events()),
        tools: site.tools.definitions,
        signal: site.signal,
        onPart: async (part) => {
          if (part.type !== 'toolCall') return coalescer.push(part.type, part.text);
          coalescer.flush();
          const call = { ...part, toolCallId: this.uniqueCallId(part.toolCallId, calls) };
          calls.push(call);
          await site.append([announceCall(call, stepId, site.tools)]);
        },
      });
      return { answer, calls };
    } finally {
      // What has arrived is kept, whatever ended the call.
      await coalescer.end();
    }
  }

  /** Some servers number their calls anew in each answer. */
  private uniqueCallId(given: string, calls: readonly AnnouncedCall[]): string {
    const isTaken =
      this.options.site.state().hasToolCall(given) || calls.some(({ toolCallId }) => toolCallId === given);
    return /^[\w-]{1,64}$/.test(given) && !isTaken ? given : `call_${randomUUID().replaceAll('-', '')}`;
  }

  private async reportUsage({ usage }: ModelAnswer): Promise<void> {
    if (!usage) return;
    const { site, model } = this.options;
    const turn = {
      inputTokens: (this.usage?.inputTokens ?? 0) + usage.inputTokens,
      outputTokens: (this.usage?.outputTokens ?? 0) + usage.outputTokens,
    };
    this.usage = turn;
    const size = model.contextTokens;
    const update: SessionUpdate = {
      sessionUpdate: 'usage_update',
      used: usage.inputTokens,
      ...(size !== undefined && { size }),
      turn,
    };
    await site.append([update]);
  }

  private async runCalls(calls: readonly AnnouncedCall[]): Promise<TurnEnding | undefined> {
    const { site } = this.options;
    for (const [index, call] of calls.entries()) {
      site.signal.throwIfAborted();
      if (index >= maxCallsPerAnswer) {
        await this.refuseAll(calls.slice(index), `Not run: at most ${maxCallsPerAnswer} calls in one answer.`);
        return undefined;
      }
      const error =
        site.budget.checkRepetition(call.toolName, call.input) ??
        site.budget.countCall((await runToolCall(call, site)).isMistake);
      if (!error) continue;
      const left = calls.slice(index).filter(({ toolCallId }) => site.state().isCallOpen(toolCallId));
      await this.refuseAll(left, 'Not run: the turn was stopped because it went in circles.');
      return { stopReason: 'failed', error };
    }
    return undefined;
  }

  private async refuseAll(calls: readonly AnnouncedCall[], why: string): Promise<void> {
    if (calls.length === 0) return;
    await this.options.site.append(calls.map(({ toolCallId }) => refuseCall(toolCallId, why)));
  }
}
