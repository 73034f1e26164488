import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { CodedError } from '../../protocol/errors.ts';
import type { ConversationId, ToolKind } from '../../protocol/sessionEvents.ts';
import type { TerminalId } from '../../protocol/terminal.ts';
import type { Logger } from '../base/logger.ts';
import { CheckedAccess, maxOutputChars, type ToolPorts } from './checkedAccess.ts';
import { commandResult } from './commandResult.ts';
import { listFilesTool } from './listFilesTool.ts';
import { readFileTool } from './readFileTool.ts';
import { readOutputTool } from './readOutputTool.ts';
import { defaultTimeoutMs, runCommandTool } from './runCommandTool.ts';
import { searchTool } from './searchTool.ts';
import { stopCommandTool } from './stopCommandTool.ts';
import { textContent, type Tool, type ToolCallTitle, type ToolResult } from './tool.ts';
import type { CommandOutcome } from './ports.ts';
import type { ToolCallContext } from './toolCallContext.ts';

const tools: readonly Tool[] = [
  readFileTool,
  listFilesTool,
  searchTool,
  runCommandTool,
  readOutputTool,
  stopCommandTool,
];

export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** JSON Schema. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** A result; `isMistake` where the call itself was wrong. */
export type ToolOutcome = ToolResult & { readonly isMistake?: boolean };

/** The tools of the agent. Every call goes through `run`, which alone makes the access that tools work with. */
export class ToolRegistry {
  private described: readonly ToolDefinition[] | undefined;
  private readonly ports: ToolPorts;
  private readonly logger: Logger;

  constructor(ports: ToolPorts, logger: Logger) {
    this.ports = ports;
    this.logger = logger;
  }

  /** What the model is told of the tools. Made by the first turn, since making schemas takes a while. */
  get definitions(): readonly ToolDefinition[] {
    return (this.described ??= tools.map(({ name, description, input }) => ({
      name,
      description,
      inputSchema: jsonSchemaOf(input),
    })));
  }

  /** How a call is shown; works for unknown tools and unusable input too. */
  describe(toolName: string, input: unknown): ToolCallTitle & { readonly kind: ToolKind } {
    const tool = toolNamed(toolName);
    if (!tool) return { title: toolName.slice(0, 200), kind: 'other' };
    const parsed = tool.input.safeParse(withoutNulls(input));
    return { kind: tool.kind, ...(parsed.success ? tool.title(parsed.data) : { title: tool.name }) };
  }

  /** Runs a call. A tool's failure is an outcome; this rejects only when the call is cancelled. */
  async run(call: ToolCallContext & { readonly toolName: string; readonly input: unknown }): Promise<ToolOutcome> {
    const tool = toolNamed(call.toolName);
    if (!tool) {
      const names = tools.map(({ name }) => name).join(', ');
      return mistake(`There is no tool "${call.toolName.slice(0, 200)}". The tools are: ${names}.`);
    }
    const parsed = tool.input.safeParse(withoutNulls(call.input));
    if (!parsed.success) return mistake(`The input does not fit ${tool.name}: ${z.prettifyError(parsed.error)}`);
    try {
      return await tool.run(parsed.data, new CheckedAccess(this.ports, call), call);
    } catch (error) {
      call.signal.throwIfAborted();
      if (error instanceof CodedError && error.reason === 'PolicyDenied') return refusal(error);
      return { status: 'failed', content: [textContent(this.explain(error, tool.name))] };
    }
  }

  /**
   * Takes up a call that its server has left: its outcome as it stands, and the later one if its command still runs.
   * Undefined where the call leaves nothing behind, or nothing is known of it any more.
   */
  async takeUp(call: {
    readonly toolName: string;
    readonly conversationId: ConversationId;
    readonly toolCallId: string;
    readonly terminalId: TerminalId | undefined;
  }): Promise<{ readonly now: ToolOutcome; readonly end?: Promise<ToolOutcome> } | undefined> {
    if (call.toolName !== runCommandTool.name) return undefined;
    const { conversationId, toolCallId, terminalId } = call;
    const taken = await this.ports.commands.takeUp({ conversationId, toolCallId, terminalId, maxOutputChars });
    if (!taken) return undefined;
    const toResult = (outcome: CommandOutcome): ToolResult =>
      commandResult({ ...outcome, cwdAfter: undefined }, { commandCwd: '', timeoutMs: defaultTimeoutMs });
    return { now: toResult(taken.now), ...(taken.end && { end: taken.end.then(toResult) }) };
  }

  private explain(error: unknown, toolName: string): string {
    if (error instanceof CodedError) return error.message;
    const correlationId = randomUUID();
    this.logger.error('A tool failed unexpectedly', { toolName, correlationId, error });
    return `The tool failed for a reason that stands in the log as ${correlationId}.`;
  }
}

function toolNamed(name: string): Tool | undefined {
  return tools.find((tool) => tool.name === name);
}

/** What did not run. The person knows what they rejected themselves: that sentence is for the model alone. */
function refusal({ message, args }: CodedError): ToolOutcome {
  const told = args?.['by'] === 'person' ? { content: [], noteForModel: message } : { content: [textContent(message)] };
  return { status: 'failed', ...told, rawOutput: { refused: true } };
}

function mistake(text: string): ToolOutcome {
  return { status: 'failed', isMistake: true, content: [textContent(text)] };
}

/** Models write null for what they leave out. */
function withoutNulls(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}

function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
