import { z } from 'zod';
import { conversationId, sessionUpdate, type SessionUpdate } from '../../../protocol/sessionEvents.ts';

/**
 * A conversation as JSON, to be kept, read by programs and imported elsewhere: an object with what stands below under
 * `exportHead`, then `events`, then `leftOut`. It is written with one event a line and read in any layout, as long as
 * nothing stands behind `events` but `leftOut`. docs/conversation-export.md describes it for people.
 */
export const exportFormat = 'ai-dev-assistant conversation export';
/** Raised by a change that older programs cannot read. */
export const exportVersion = 1;

/** Milliseconds since 1970, as far as dates go. */
const time = z.number().min(0).max(8.64e15);

/** What is asked of a file before its version is looked at. */
export const anyExport = z.looseObject({ format: z.literal(exportFormat), version: z.int().min(1) });

/** What stands before the events. */
export const exportHead = z.strictObject({
  format: z.literal(exportFormat),
  version: z.literal(exportVersion),
  conversationId,
  title: z.string().max(1_000),
  /** The folder it was about, on the machine that it comes from. */
  cwd: z.string().max(4_096),
  createdAt: time,
  /** When and from which conversation it was imported before, if it was. */
  imported: z.strictObject({ at: time, conversationId }).optional(),
});
export type ExportHead = z.output<typeof exportHead>;

/** The whole object, its events taken out. `leftOut`: places in the journal that could not be read. */
export const exportFrame = exportHead.extend({ events: z.tuple([]), leftOut: z.int().min(0).default(0) });

export const exportedEvent = z.strictObject({ at: time, update: sessionUpdate });

/** What a command's result says of terminals and processes of the machine that it ran on, or of a folder there. */
const machineKeys: ReadonlySet<string> = new Set(['running', 'isInterrupted', 'waitsForInput', 'cwdAfter']);

/**
 * An update without what holds on one machine only: its terminals, commands that run on there, and where they left the
 * shell. A file that names those of somebody else must not bring them into a conversation. Undefined if nothing is left.
 */
export function portable(update: SessionUpdate): SessionUpdate | undefined {
  if (update.sessionUpdate !== 'tool_call' && update.sessionUpdate !== 'tool_call_update') return update;
  const { content, rawOutput, ...rest } = update;
  const shown = content?.filter(({ type }) => type !== 'terminal');
  const hasContent = shown !== undefined && (shown.length > 0 || content?.length === 0);
  const output = portableOutput(rawOutput);
  if (update.sessionUpdate === 'tool_call_update' && !hasContent && output === undefined) {
    if (Object.keys(rest).length === 2) return undefined;
  }
  return { ...rest, ...(hasContent && { content: shown }), ...(output !== undefined && { rawOutput: output }) };
}

function portableOutput(rawOutput: unknown): unknown {
  if (typeof rawOutput !== 'object' || rawOutput === null || Array.isArray(rawOutput)) return rawOutput;
  const entries = Object.entries(rawOutput).filter(([key]) => !machineKeys.has(key));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
