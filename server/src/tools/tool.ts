import type { z } from 'zod';
import type { ToolCallContent, ToolKind } from '../../protocol/sessionEvents.ts';
import type { CheckedAccess } from './checkedAccess.ts';
import type { ToolCallContext } from './toolCallContext.ts';

export interface ToolResult {
  readonly status: 'completed' | 'failed';
  /** Shown to the person; its text is what the model gets. */
  readonly content: readonly ToolCallContent[];
  /** What the model gets after that text. */
  readonly noteForModel?: string;
  readonly rawOutput?: Readonly<Record<string, unknown>>;
  /** Where the next command of the conversation starts. */
  readonly commandCwd?: string;
}

/** How a call is shown before it has run. */
export interface ToolCallTitle {
  readonly title: string;
  readonly locations?: readonly { readonly path: string; readonly line?: number }[];
}

/**
 * A tool. It reaches files and processes only through the `access` it is given, which asks the policy gate about every
 * single effect; a tool's module imports neither a file system nor a way to start a process (a test looks).
 */
export interface Tool<Input = unknown> {
  readonly name: string;
  readonly description: string;
  readonly kind: ToolKind;
  readonly input: z.ZodType<Input>;
  title(input: Input): ToolCallTitle;
  run(input: Input, access: CheckedAccess, context: ToolCallContext): Promise<ToolResult>;
}

/** Keeps a tool's input type inside, so that tools of different inputs fit in one list. */
export function defineTool<Input>(tool: Tool<Input>): Tool {
  return tool;
}

/** A text for the person and the model. */
export function textContent(text: string): ToolCallContent {
  return { type: 'content', content: { type: 'text', text } };
}
