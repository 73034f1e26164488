import type { ContentBlock, SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { TerminalOutput } from './terminalOutput.ts';

/**
 * Prints a turn as it happens: the agent's answer on stdout, what it does on stderr, so that the answer can be piped on.
 * With `asJson` each event is one line of JSON on stdout, and nothing else is printed.
 */
export function createTurnPrinter(output: TerminalOutput, asJson: boolean): (event: SessionEvent) => void {
  if (asJson) return (event) => output.printJson(event);
  const titles = new Map<string, string>();
  let inAnswer = false;
  const line = (text: string): void => {
    if (inAnswer) output.printAnswer('\n');
    inAnswer = false;
    output.tellStep(text);
  };
  const show = (update: SessionUpdate): void => {
    switch (update.sessionUpdate) {
      case 'agent_message_chunk':
        inAnswer = true;
        output.printAnswer(textOf(update.content));
        return;
      case 'tool_call':
        titles.set(update.toolCallId, update.title);
        return line(`• ${update.title}`);
      case 'tool_call_update':
        if (update.status === 'failed') line(`  failed: ${titles.get(update.toolCallId) ?? update.toolCallId}`);
        else if (update.status === 'completed') line(`  ${endOf(update.rawOutput)}`);
        return;
      case 'turn_ended':
        if (inAnswer) output.printAnswer('\n');
        inAnswer = false;
        if (update.stopReason !== 'end_turn' && update.stopReason !== 'failed') line(`Ended: ${update.stopReason}`);
        return;
      default:
        return;
    }
  };
  return (event) => show(event.update);
}

function textOf(content: ContentBlock): string {
  return content.type === 'text' ? content.text : '';
}

/** How a call ended, in a word or two: commands have exit codes, everything else is done. */
function endOf(rawOutput: unknown): string {
  const { exitCode, signal } = (rawOutput ?? {}) as { exitCode?: unknown; signal?: unknown };
  if (typeof exitCode === 'number') return `exit code ${exitCode}`;
  return typeof signal === 'number' ? `ended by signal ${signal}` : 'done';
}
