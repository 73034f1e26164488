import { z } from 'zod';
import { terminalId } from './terminal.ts';

/**
 * The events of a conversation. Those that ACP v1 knows have its names and shapes; ours stand beside them. Unknown
 * fields are kept and unknown kinds are passed over, so that an older reader survives a newer writer.
 */

/** Names a conversation. */
export const conversationId = z
  .string()
  .regex(/^[\w-]{8,64}$/, 'expected the id of a conversation: session/list gives them')
  .brand<'ConversationId'>();
export type ConversationId = z.output<typeof conversationId>;

const maxTextChars = 1_048_576;

/** A piece of a prompt or an answer (ACP `ContentBlock`). */
export const contentBlock = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string().max(maxTextChars) }),
  z.looseObject({ type: z.literal('resource_link'), uri: z.string().max(8192), name: z.string().max(1024) }),
  z.looseObject({
    type: z.literal('resource'),
    resource: z.looseObject({ uri: z.string().max(8192), text: z.string().max(maxTextChars) }),
  }),
]);
export type ContentBlock = z.output<typeof contentBlock>;

/** What a tool call shows: text, or a terminal that may be watched and typed into (ACP `ToolCallContent`). */
export const toolCallContent = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('content'), content: contentBlock }),
  z.looseObject({ type: z.literal('terminal'), terminalId }),
]);
export type ToolCallContent = z.output<typeof toolCallContent>;

export const toolKind = z.enum(['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'other']);
export type ToolKind = z.output<typeof toolKind>;
export const toolCallStatus = z.enum(['pending', 'in_progress', 'completed', 'failed']);
export type ToolCallStatus = z.output<typeof toolCallStatus>;

export const permissionOption = z.looseObject({
  optionId: z.string(),
  name: z.string(),
  kind: z.enum(['allow_once', 'allow_always', 'reject_once', 'reject_always']),
});
export type PermissionOption = z.output<typeof permissionOption>;

/** Why a turn ended: ACP's reasons, then `failed` (an error stopped it) and `interrupted` (its server died). */
export const stopReason = z.enum([
  'end_turn',
  'max_tokens',
  'max_turn_requests',
  'refusal',
  'cancelled',
  'failed',
  'interrupted',
]);
export type StopReason = z.output<typeof stopReason>;

const location = z.looseObject({ path: z.string(), line: z.int().optional() });

/** Tokens that model calls used, as the provider reported them. */
export const tokenUsage = z.looseObject({ inputTokens: z.int().min(0), outputTokens: z.int().min(0) });
export type TokenUsage = z.output<typeof tokenUsage>;

export const sessionUpdate = z.discriminatedUnion('sessionUpdate', [
  z.looseObject({ sessionUpdate: z.literal('user_message_chunk'), messageId: z.string(), content: contentBlock }),
  z.looseObject({ sessionUpdate: z.literal('agent_message_chunk'), messageId: z.string(), content: contentBlock }),
  z.looseObject({ sessionUpdate: z.literal('agent_thought_chunk'), messageId: z.string(), content: contentBlock }),
  z.looseObject({
    sessionUpdate: z.literal('tool_call'),
    toolCallId: z.string(),
    title: z.string(),
    kind: toolKind,
    status: toolCallStatus,
    rawInput: z.unknown().optional(),
    content: z.array(toolCallContent).optional(),
    locations: z.array(location).optional(),
    /** Only in a snapshot, where an update may have become part of its call. */
    rawOutput: z.unknown().optional(),
    /** Name by which the model called the tool. */
    toolName: z.string().optional(),
    /** The answer (`agent_message_chunk`) that the call belongs to, even where that answer has no text. */
    messageId: z.string().optional(),
    /** What the provider wants to see again with this call in later requests. */
    providerMetadata: z.record(z.string(), z.unknown()).optional(),
  }),
  z.looseObject({
    sessionUpdate: z.literal('tool_call_update'),
    toolCallId: z.string(),
    title: z.string().optional(),
    status: toolCallStatus.optional(),
    content: z.array(toolCallContent).optional(),
    locations: z.array(location).optional(),
    /** For a command: `{ exitCode, signal?, durationMs }`. */
    rawOutput: z.unknown().optional(),
    /** What the model was told after the text of `content`, such as an exit code. */
    noteForModel: z.string().optional(),
  }),
  z.looseObject({
    sessionUpdate: z.literal('usage_update'),
    /** Tokens of the last model call's input: what the context window holds. */
    used: z.int().min(0),
    /** Tokens that the context window can hold, where known. */
    size: z.int().min(0).optional(),
    turn: tokenUsage,
    /** What the conversation has cost so far, where the agent says so (ACP `Cost`). */
    cost: z.looseObject({ amount: z.number().min(0), currency: z.string() }).optional(),
  }),
  z.looseObject({ sessionUpdate: z.literal('session_info_update'), title: z.string() }),
  z.looseObject({ sessionUpdate: z.literal('config_option_update'), configId: z.string(), value: z.string() }),
  z.looseObject({ sessionUpdate: z.literal('turn_started'), turnId: z.string(), model: z.string() }),
  z.looseObject({
    sessionUpdate: z.literal('turn_ended'),
    turnId: z.string(),
    stopReason,
    /** Set where `stopReason` is `failed` or `max_turn_requests`: a reason of the error table and a sentence for the person. */
    error: z.looseObject({ reason: z.string(), message: z.string() }).optional(),
  }),
  z.looseObject({
    sessionUpdate: z.literal('permission_requested'),
    requestId: z.string(),
    toolCallId: z.string(),
    /** What is asked, in words: the command line, the file. */
    detail: z.string(),
    /** Absolute folder in which the command would run. */
    cwd: z.string().optional(),
    options: z.array(permissionOption).min(1),
  }),
  z.looseObject({
    sessionUpdate: z.literal('permission_answered'),
    requestId: z.string(),
    /** The chosen option, or null where the question lapsed (cancelled, or its server died). */
    optionId: z.string().nullable(),
  }),
]);
export type SessionUpdate = z.output<typeof sessionUpdate>;
export type SessionUpdateKind = SessionUpdate['sessionUpdate'];

/** An update with its place in the conversation. Numbers start at 1 and have no holes. */
export const sessionEvent = z.looseObject({
  sequence: z.int().min(1),
  /** Milliseconds since 1970. */
  at: z.number(),
  update: sessionUpdate,
});
export type SessionEvent = z.output<typeof sessionEvent>;
