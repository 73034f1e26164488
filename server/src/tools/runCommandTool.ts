import { z } from 'zod';
import { commandResult } from './commandResult.ts';
import { defineTool } from './tool.ts';

/** Unless the call says otherwise. */
export const defaultTimeoutMs = 10 * 60_000;
const maxTimeoutMs = 60 * 60_000;
const maxTitleChars = 120;
/** A program that asks again and again must not fill the journal. */
const maxPromptUpdates = 100;

const input = z.object({
  command: z.string().min(1).max(32_768).describe("Command line for the person's shell."),
  cwd: z.string().min(1).max(4096).optional().describe('Working folder; where the last command ended if left out.'),
  timeoutMs: z
    .int()
    .min(1_000)
    .max(maxTimeoutMs)
    .optional()
    .describe(
      `Milliseconds after which the command is stopped; ${defaultTimeoutMs} if left out, none in the background.`,
    ),
  background: z
    .boolean()
    .optional()
    .describe('True to go on at once while the command keeps running, for servers and watchers.'),
});

/** Runs a command in a terminal that the person sees and can type into. */
export const runCommandTool = defineTool({
  name: 'run_command',
  kind: 'execute',
  description:
    'Runs a command line to its end in a terminal that the person sees and may type into. They are asked first. ' +
    'Gives the output and the exit code. Working folder and exported variables carry over to the next command. ' +
    'Commands that never end, such as servers, are stopped at the time limit: run those with background. ' +
    'A command that still runs when this answers is followed with read_output and ended with stop_command.',
  input,
  title: ({ command }) => {
    const line = command.split('\n', 1)[0] ?? '';
    const isCut = line.length > maxTitleChars || line.length < command.length;
    return { title: isCut ? `${line.slice(0, maxTitleChars)}…` : line };
  },
  async run({ command, cwd, background = false, ...limits }, access, context) {
    const timeoutMs = limits.timeoutMs ?? (background ? null : defaultTimeoutMs);
    let promptUpdates = 0;
    const outcome = await access.runCommand({
      commandLine: command,
      cwd,
      timeoutMs,
      background,
      onStarted: (terminalId) => context.onProgress({ content: [{ type: 'terminal', terminalId }] }),
      onWaitsForInput: (waits) => {
        promptUpdates += 1;
        if (promptUpdates <= maxPromptUpdates) context.onProgress({ rawOutput: waits ? { waitsForInput: waits } : {} });
      },
    });
    return commandResult(outcome, { commandCwd: context.commandCwd, timeoutMs });
  },
});
