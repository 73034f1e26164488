import { stripVTControlCharacters } from 'node:util';
import type { ContentBlock, SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';

interface Output {
  write(text: string): unknown;
}

/**
 * Prints a turn as it happens: the agent's answer on `out`, what it does on `err`, so that the answer can be piped on.
 * With `asJson` each event is one line of JSON on `out`, and nothing else is printed.
 */
export function createTurnPrinter(out: Output, err: Output, asJson: boolean): (event: SessionEvent) => void {
  if (asJson) return (event) => out.write(`${JSON.stringify(event)}\n`);
  const titles = new Map<string, string>();
  let inAnswer = false;
  const line = (text: string): void => {
    if (inAnswer) out.write('\n');
    inAnswer = false;
    err.write(`${safe(text)}\n`);
  };
  const show = (update: SessionUpdate): void => {
    switch (update.sessionUpdate) {
      case 'agent_message_chunk':
        inAnswer = true;
        out.write(safe(textOf(update.content)));
        return;
      case 'tool_call':
        titles.set(update.toolCallId, update.title);
        return line(`• ${update.title}`);
      case 'tool_call_update':
        if (update.status === 'failed') line(`  failed: ${titles.get(update.toolCallId) ?? update.toolCallId}`);
        else if (update.status === 'completed') line(`  ${endOf(update.rawOutput)}`);
        return;
      case 'turn_ended':
        if (inAnswer) out.write('\n');
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

/** Controls but line breaks and tabs, marks that reorder a line, and tags, which carry text that nobody sees. */
const unsafe = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u{E0000}-\u{E007F}]/gu;

/** Without control sequences: a model's words must not move the cursor or retitle the person's terminal. */
function safe(text: string): string {
  return stripVTControlCharacters(text).replace(unsafe, '');
}

/** How a call ended, in a word or two: commands have exit codes, everything else is done. */
function endOf(rawOutput: unknown): string {
  const { exitCode, signal } = (rawOutput ?? {}) as { exitCode?: unknown; signal?: unknown };
  if (typeof exitCode === 'number') return `exit code ${exitCode}`;
  return typeof signal === 'number' ? `ended by signal ${signal}` : 'done';
}
