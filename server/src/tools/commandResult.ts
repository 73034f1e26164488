import type { CommandEnd, CommandOutcome } from './ports.ts';
import { textContent, type ToolResult } from './tool.ts';

/** A command's outcome, the folder for the next command judged. */
export type JudgedOutcome = Omit<CommandOutcome, 'cwdAfter'> & { readonly cwdAfter: string | undefined };

/**
 * What the person and the model get of a command. `rawOutput.running` is set while it goes on without its call;
 * `commandCwd` is where the conversation's last command ended.
 */
export function commandResult(
  outcome: JudgedOutcome,
  { commandCwd, timeoutMs }: { readonly commandCwd: string; readonly timeoutMs: number | null },
): ToolResult {
  const { terminalId, exit, durationMs, output, omittedBytes, timedOut, waitsForInput, cwdAfter } = outcome;
  const notes = [
    exit ? endOfCommand(exit, timedOut ? timeoutMs : null) : stillRunning(outcome),
    ...(omittedBytes > 0 ? [`The middle of the output was left out; read_output with ${terminalId} gives it.`] : []),
    ...(outcome.typed.length > 0 ? [`The person typed into this terminal: ${outcome.typed.join(', ')}.`] : []),
    ...(cwdAfter !== undefined && cwdAfter !== commandCwd ? [`Working folder is now ${cwdAfter}.`] : []),
  ];
  return {
    status: timedOut ? 'failed' : 'completed',
    content: [{ type: 'terminal', terminalId }, textContent(output)],
    noteForModel: `(${notes.join(' ')})`,
    rawOutput: {
      ...(exit
        ? { exitCode: exit.exitCode }
        : { running: true, ...(outcome.cause === 'serverEnds' && { isInterrupted: true }) }),
      ...(exit?.signal == null ? {} : { signal: exit.signal }),
      ...(durationMs !== null && { durationMs }),
      ...(timedOut && { timedOut }),
      ...(omittedBytes > 0 && { truncated: true }),
      ...(waitsForInput && { waitsForInput }),
      ...(cwdAfter !== undefined && { cwdAfter }),
    },
    ...(cwdAfter !== undefined && { commandCwd: cwdAfter }),
  };
}

/** How a command ended, as a sentence for the model. */
export function endOfCommand({ exitCode, signal }: CommandEnd, timeoutMs: number | null = null): string {
  if (timeoutMs !== null) return `Stopped at the time limit of ${timeoutMs} ms.`;
  if (exitCode !== null) return `Exit code ${exitCode}.`;
  return signal === null ? 'Ended without an exit code.' : `Ended by signal ${signal}.`;
}

function stillRunning({ cause, terminalId, waitsForInput }: JudgedOutcome): string {
  const how = `Read on with read_output, end it with stop_command, both with terminalId ${terminalId}.`;
  switch (cause) {
    case 'unanswered':
      return `Still running, and it seems to wait for input: ${JSON.stringify(waitsForInput?.prompt ?? '')}. Nobody has typed for a minute; the person may still do so. ${how}`;
    case 'serverEnds':
      return `Still running, although the assistant was restarted meanwhile. ${how}`;
    default:
      return `Still running, in the background. ${how}`;
  }
}
