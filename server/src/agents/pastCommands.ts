import type { ResultOf } from '../../protocol/contract.ts';
import type { SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';

type PastCommand = ResultOf<'session/commands'>['commands'][number];
type CallUpdate = Extract<SessionUpdate, { sessionUpdate: 'tool_call' | 'tool_call_update' }>;

const commandTool = 'run_command';
/** Characters of output of all commands together; the oldest are left out first. */
const maxChars = 512 * 1024;

/**
 * The commands of a conversation that have ended, the oldest first: the last `limit` of them, and of those as many as
 * have room.
 */
export function pastCommands(events: readonly SessionEvent[], limit: number): PastCommand[] {
  const calls = new Map<string, CallUpdate[]>();
  for (const { update } of events) {
    if (update.sessionUpdate === 'tool_call' && update.toolName === commandTool) calls.set(update.toolCallId, [update]);
    else if (update.sessionUpdate === 'tool_call_update') calls.get(update.toolCallId)?.push(update);
  }
  const ended = [...calls.values()].flatMap((updates) => readCommand(updates) ?? []).slice(-limit);
  let chars = 0;
  const fits = ended.reverse().filter(({ output }) => (chars += output.length) <= maxChars);
  return fits.reverse();
}

/** Undefined while the command has not ended, and where it never ran. */
function readCommand(updates: readonly CallUpdate[]): PastCommand | undefined {
  const last = <T>(read: (update: CallUpdate) => T | undefined): T | undefined =>
    updates.reduce<T | undefined>((known, update) => read(update) ?? known, undefined);
  const status = last((update) => update.status);
  const content = last((update) => update.content) ?? [];
  const outcome = fieldsOf(last((update) => update.rawOutput));
  // A command that was refused or could not be started has no outcome.
  if ((status !== 'completed' && status !== 'failed') || !('exitCode' in outcome)) return undefined;
  const input = fieldsOf(last((update) => (update.sessionUpdate === 'tool_call' ? update.rawInput : undefined)));
  const { exitCode, signal } = outcome;
  const output = content.flatMap((part) =>
    part.type === 'content' && part.content.type === 'text' ? part.content.text : [],
  );
  return {
    commandLine: typeof input['command'] === 'string' ? input['command'] : (last((update) => update.title) ?? ''),
    output: output.join(''),
    exitCode: typeof exitCode === 'number' ? exitCode : null,
    ...(typeof signal === 'number' && { signal }),
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
