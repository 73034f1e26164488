import type { ToolCallItem } from '../state/conversationView.ts';
import { readCommandOutcome } from './readCommand.ts';

/** How long a call took, such as `1.2 s`; empty where it is too short to matter or not known. */
export function durationText(call: ToolCallItem): string {
  const measured = call.endedAt === null ? 0 : call.endedAt - call.startedAt;
  const durationMs = readCommandOutcome(call.rawOutput).durationMs ?? measured;
  if (durationMs < 100) return '';
  if (durationMs < 60_000) return `${(durationMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
