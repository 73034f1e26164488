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
  const field = (name: string): unknown =>
    typeof rawOutput === 'object' && rawOutput !== null ? Reflect.get(rawOutput, name) : undefined;
  const exitCode = field('exitCode');
  const signal = field('signal');
  const durationMs = field('durationMs');
  return {
    exitCode: typeof exitCode === 'number' ? exitCode : null,
    signal: typeof signal === 'number' || typeof signal === 'string' ? signal : null,
    durationMs: typeof durationMs === 'number' ? durationMs : null,
  };
}

/** The terminal in which a call's command runs, or null. */
export function readTerminalId(call: ToolCallItem): string | null {
  for (const part of call.content) if (part.type === 'terminal') return part.terminalId;
  return null;
}
