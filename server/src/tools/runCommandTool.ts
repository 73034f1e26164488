import { z } from 'zod';
import type { CommandOutcome } from './ports.ts';
import { defineTool, textContent, type ToolResult } from './tool.ts';
import type { ToolCallContext } from './toolCallContext.ts';

const defaultTimeoutMs = 10 * 60_000;
const maxTimeoutMs = 60 * 60_000;
const maxTitleChars = 120;

const input = z.object({
  command: z.string().min(1).max(32_768).describe("Command line for the person's shell."),
  cwd: z.string().min(1).max(4096).optional().describe('Working folder; where the last command ended if left out.'),
  timeoutMs: z
    .int()
    .min(1_000)
    .max(maxTimeoutMs)
    .optional()
    .describe(`Milliseconds after which the command is stopped; ${defaultTimeoutMs} if left out.`),
});

/** Runs a command in a terminal that the person sees and can type into. */
export const runCommandTool = defineTool({
  name: 'run_command',
  kind: 'execute',
  description:
    'Runs a command line to its end in a terminal that the person sees and may type into. They are asked first. ' +
    'Gives the output and the exit code. Working folder and exported variables carry over to the next command. ' +
    'Commands that never end, such as servers, are stopped at the time limit.',
  input,
  title: ({ command }) => {
    const line = command.split('\n', 1)[0] ?? '';
    const isCut = line.length > maxTitleChars || line.length < command.length;
    return { title: isCut ? `${line.slice(0, maxTitleChars)}…` : line };
  },
  async run({ command, cwd, timeoutMs = defaultTimeoutMs }, access, context) {
    let terminal: ToolResult['content'] = [];
    const outcome = await access.runCommand({
      commandLine: command,
      cwd,
      timeoutMs,
      onStarted: (terminalId) => {
        terminal = [{ type: 'terminal', terminalId }];
        context.onContent(terminal);
      },
    });
    return describeOutcome(outcome, terminal, context, timeoutMs);
  },
});

function describeOutcome(
  outcome: Omit<CommandOutcome, 'cwdAfter'> & { readonly cwdAfter: string | undefined },
  terminal: ToolResult['content'],
  context: ToolCallContext,
  timeoutMs: number,
): ToolResult {
  const { exitCode, signal, durationMs, output, timedOut, truncated } = outcome;
  const commandCwd = outcome.cwdAfter;
  const notes = [
    timedOut ? `Stopped at the time limit of ${timeoutMs} ms.` : endOf(exitCode, signal),
    ...(truncated ? ['The middle of the output was left out.'] : []),
    ...(commandCwd !== undefined && commandCwd !== context.commandCwd ? [`Working folder is now ${commandCwd}.`] : []),
  ];
  return {
    status: timedOut ? 'failed' : 'completed',
    content: [...terminal, textContent(output)],
    noteForModel: `(${notes.join(' ')})`,
    rawOutput: {
      exitCode,
      ...(signal !== undefined && { signal }),
      durationMs,
      ...(timedOut && { timedOut }),
      ...(truncated && { truncated }),
      ...(commandCwd !== undefined && { cwdAfter: commandCwd }),
    },
    ...(commandCwd !== undefined && { commandCwd }),
  };
}

function endOf(exitCode: number | null, signal: number | undefined): string {
  if (exitCode !== null) return `Exit code ${exitCode}.`;
  return signal === undefined ? 'Ended without an exit code.' : `Ended by signal ${signal}.`;
}
