import type { ConversationId, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import type { ConversationState } from './conversationState.ts';
import type { Permissions } from './permissions.ts';
import type { ModelPart, ToolBox, ToolCallOutcome, ToolCallProgress } from './ports.ts';
import type { TurnBudget } from './turnBudget.ts';

/** How long a cancelled tool may take to stop before the turn ends without it. */
const stopGraceMs = 5_000;

/** A tool call as the journal knows it; `toolCallId` is unique in the conversation. */
export type AnnouncedCall = Extract<ModelPart, { type: 'toolCall' }>;

export interface ToolCallSite {
  readonly conversationId: ConversationId;
  readonly cwd: string;
  readonly state: () => ConversationState;
  readonly append: (updates: readonly SessionUpdate[]) => Promise<unknown>;
  readonly tools: ToolBox;
  readonly permissions: Permissions;
  readonly budget: TurnBudget;
  readonly workspace: () => { readonly folders: readonly string[]; readonly trusted: boolean };
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The event that shows a call before it runs. */
export function announceCall(call: AnnouncedCall, stepId: string, tools: ToolBox): SessionUpdate {
  const { title, kind, locations } = tools.describe(call.toolName, call.input);
  return {
    sessionUpdate: 'tool_call',
    toolCallId: call.toolCallId,
    title,
    kind,
    status: 'pending',
    rawInput: call.input,
    ...(locations && { locations: [...locations] }),
    toolName: call.toolName,
    messageId: stepId,
    ...(call.providerMetadata && { providerMetadata: { ...call.providerMetadata } }),
  };
}

/** The event that ends a call which did not run. */
export function refuseCall(toolCallId: string, why: string): SessionUpdate {
  return {
    sessionUpdate: 'tool_call_update',
    toolCallId,
    status: 'failed',
    content: [{ type: 'content', content: { type: 'text', text: why } }],
  };
}

/** The event that tells a call's outcome. */
export function endCall(toolCallId: string, outcome: ToolCallOutcome): SessionUpdate {
  const { status, content, rawOutput, noteForModel } = outcome;
  return {
    sessionUpdate: 'tool_call_update',
    toolCallId,
    status,
    content: [...content],
    ...(rawOutput && { rawOutput }),
    ...(noteForModel !== undefined && { noteForModel }),
  };
}

/**
 * Runs one call: its start is durable before it takes effect, its result before the model hears of it. Gives whether the
 * call could be understood. Rejects with the signal's reason, and where the journal fails.
 */
export async function runToolCall(call: AnnouncedCall, site: ToolCallSite): Promise<{ readonly isMistake: boolean }> {
  const { toolCallId } = call;
  if (call.invalid !== undefined) {
    const written = typeof call.input === 'string' ? call.input.slice(0, 500) : '';
    await site.append([refuseCall(toolCallId, `${call.invalid}\nYou sent: ${written}`)]);
    return { isMistake: true };
  }
  await site.append([{ sessionUpdate: 'tool_call_update', toolCallId, status: 'in_progress' }]);
  const outcome = await runWithin(call, site);
  await site.append([endCall(toolCallId, outcome)]);
  return { isMistake: outcome.isMistake ?? false };
}

async function runWithin(call: AnnouncedCall, site: ToolCallSite): Promise<ToolCallOutcome> {
  const shown: Promise<unknown>[] = [];
  const show = ({ content, rawOutput }: ToolCallProgress): void => {
    const appended = site.append([
      {
        sessionUpdate: 'tool_call_update',
        toolCallId: call.toolCallId,
        ...(content && { content: [...content] }),
        ...(rawOutput && { rawOutput }),
      },
    ]);
    // Awaited below; until then a failure must not count as unhandled.
    appended.catch(() => undefined);
    shown.push(appended);
  };
  const running = site.tools.run({
    toolName: call.toolName,
    input: call.input,
    conversationId: site.conversationId,
    toolCallId: call.toolCallId,
    place: () => {
      const { folders, trusted } = site.workspace();
      return { cwd: site.cwd, workspaceFolders: folders, trusted };
    },
    commandCwd: site.state().commandCwd,
    ask: (question) =>
      site.budget.withoutTime(() => site.permissions.ask({ ...question, toolCallId: call.toolCallId }, site.signal)),
    onProgress: show,
    signal: site.signal,
  });
  const outcome = await settleSoonAfterAbort(running, site);
  await Promise.all(shown);
  return outcome;
}

/** The promise, or the signal's reason if the promise has not settled some seconds after the signal was aborted. */
async function settleSoonAfterAbort<T>(promise: Promise<T>, { signal, clock }: ToolCallSite): Promise<T> {
  let release = (): void => undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => {
      const timer = clock.after(stopGraceMs, () => {
        reject(signal.reason instanceof Error ? signal.reason : new Error('The call was cancelled.'));
      });
      release = () => timer.dispose();
    };
    release = () => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, overdue]);
  } finally {
    release();
  }
}
