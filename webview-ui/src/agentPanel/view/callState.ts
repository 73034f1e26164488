import type { ToolCallItem } from '../state/conversationView.ts';
import { isInBackground, readCommandOutcome } from './readCommand.ts';

/** How a tool call stands, as a person would say it. */
export type CallState = 'pending' | 'waiting' | 'running' | 'background' | 'done' | 'failed' | 'notRun' | 'stopped';

/**
 * Reads a call's state. `waiting` is for the person's permission; `notRun` was refused before it took effect; a command
 * that ended badly counts as `failed`, although the call that ran it was completed, and one that goes on without its
 * call as `background`.
 */
export function callState(call: ToolCallItem): CallState {
  if (call.abandoned) return 'stopped';
  switch (call.status) {
    case 'pending':
      return 'pending';
    case 'in_progress':
      return call.question !== null && call.question.answer === undefined ? 'waiting' : 'running';
    case 'failed':
      return isRejected(call) || isRefused(call.rawOutput) ? 'notRun' : 'failed';
    case 'completed':
      if (isInBackground(call)) return 'background';
      return endedBadly(call) ? 'failed' : 'done';
  }
}

/** Whether the person said no. What the tool answered then is meant for the model, not for them. */
export function isRejected({ status, question }: ToolCallItem): boolean {
  const answer = question?.options.find(({ optionId }) => optionId === question.answer);
  return status === 'failed' && answer?.kind.startsWith('reject') === true;
}

function isRefused(rawOutput: unknown): boolean {
  return typeof rawOutput === 'object' && rawOutput !== null && Reflect.get(rawOutput, 'refused') === true;
}

function endedBadly({ rawOutput }: ToolCallItem): boolean {
  const { exitCode, signal } = readCommandOutcome(rawOutput);
  return signal !== null || (exitCode !== null && exitCode !== 0);
}
