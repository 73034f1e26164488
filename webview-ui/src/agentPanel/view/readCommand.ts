import type { TerminalId } from '../../../../server/protocol/terminal.ts';
import type { ToolCallItem } from '../state/conversationView.ts';

export interface CommandOutcome {
  readonly exitCode: number | null;
  readonly signal: string | number | null;
  readonly durationMs: number | null;
}

/** The command line that a call runs. */
export function readCommandLine({ rawInput, title }: ToolCallItem): string {
  const command: unknown = typeof rawInput === 'object' && rawInput !== null ? Reflect.get(rawInput, 'command') : null;
  return typeof command === 'string' ? command : title;
}

/** How a command ended, as far as its output says so. */
export function readCommandOutcome(rawOutput: unknown): CommandOutcome {
  const exitCode = fieldOf(rawOutput, 'exitCode');
  const signal = fieldOf(rawOutput, 'signal');
  const durationMs = fieldOf(rawOutput, 'durationMs');
  return {
    exitCode: typeof exitCode === 'number' ? exitCode : null,
    signal: typeof signal === 'number' || typeof signal === 'string' ? signal : null,
    durationMs: typeof durationMs === 'number' ? durationMs : null,
  };
}

/** Whether the command goes on although its call is over. */
export function isInBackground({ status, rawOutput }: ToolCallItem): boolean {
  return status === 'completed' && fieldOf(rawOutput, 'running') === true;
}

/** Whether the call of a command that goes on was over because its server ended. */
export function wasInterrupted({ rawOutput }: ToolCallItem): boolean {
  return fieldOf(rawOutput, 'isInterrupted') === true;
}

/** The line with which a running command asks for input, or null. */
export function readPrompt({ rawOutput }: ToolCallItem): string | null {
  const prompt = fieldOf(fieldOf(rawOutput, 'waitsForInput'), 'prompt');
  return typeof prompt === 'string' ? prompt : null;
}

/** The terminal in which a call's command runs, or null. */
export function readTerminalId(call: ToolCallItem): TerminalId | null {
  for (const part of call.content) if (part.type === 'terminal') return part.terminalId;
  return null;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
