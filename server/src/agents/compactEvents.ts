import type { SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';

/** How much of a conversation is handed out at a time. Where the last turn alone is larger, its end is kept. */
export interface EventLimits {
  readonly maxEvents: number;
  /** Characters of the JSON of all events together. A single event may be longer: then it is alone. */
  readonly maxChars: number;
}

export interface SnapshotLimits extends EventLimits {
  readonly maxTurns: number;
}

export const snapshotLimits: SnapshotLimits = { maxTurns: 100, maxEvents: 2_000, maxChars: 4 * 1024 * 1024 };

/** The contract's limit of one content block. */
const maxMergedChars = 1_048_576;

export interface CompactedEvents {
  readonly events: readonly SessionEvent[];
  /** Older turns were left out. */
  readonly hasEarlier: boolean;
  /** Of the events from this number on nothing was left out. */
  readonly earliestSequence: number;
}

/**
 * Makes few events that fold to the same view as `events`: neighbouring chunks of one message become one, of a tool
 * call's events those stay that change its status (when it started and ended is shown too), and of values that replace
 * each other the last stays. Beyond the limits the
 * oldest turns are left out, but not what they set for the whole conversation (title, options, usage).
 */
export function compactEvents(
  events: readonly SessionEvent[],
  limits: SnapshotLimits = snapshotLimits,
): CompactedEvents {
  const turns = splitTurns(events);
  const kept: SessionEvent[][] = [];
  let eventCount = 0;
  let chars = 0;
  let at = turns.length - 1;
  for (; at >= 0 && kept.length < limits.maxTurns; at--) {
    const turn = compactTurn(turns[at] ?? []);
    const turnChars = countChars(turn);
    if (eventCount + turn.length > limits.maxEvents || chars + turnChars > limits.maxChars) {
      if (kept.length > 0) break;
      const [first, ...rest] = turns[at] ?? [];
      const end = endOf(rest, limits);
      return {
        // That and how the turn began is told in any case.
        events: [...settledBefore(turns.slice(0, at)), ...(first ? [first] : []), ...end],
        hasEarlier: true,
        earliestSequence: end[0]?.sequence ?? 1,
      };
    }
    kept.unshift(turn);
    eventCount += turn.length;
    chars += turnChars;
  }
  const leftOut = turns.slice(0, at + 1);
  return {
    events: [...settledBefore(leftOut), ...kept.flat()],
    hasEarlier: leftOut.flat().some(({ update }) => replacementKey(update) === undefined),
    earliestSequence: turns[at + 1]?.[0]?.sequence ?? 1,
  };
}

function splitTurns(events: readonly SessionEvent[]): SessionEvent[][] {
  const turns: SessionEvent[][] = [[]];
  for (const event of events) {
    if (event.update.sessionUpdate === 'turn_started' && turns.at(-1)?.length !== 0) turns.push([]);
    turns.at(-1)?.push(event);
  }
  return turns;
}

/** Of the turns that were left out, what still holds. */
function settledBefore(turns: readonly (readonly SessionEvent[])[]): SessionEvent[] {
  const last = new Map<string, SessionEvent>();
  for (const event of turns.flat()) {
    const key = replacementKey(event.update);
    if (key !== undefined) last.set(key, event);
  }
  return [...last.values()].sort((a, b) => a.sequence - b.sequence);
}

/** Equal for updates of which only the last counts. */
function replacementKey(update: SessionUpdate): string | undefined {
  switch (update.sessionUpdate) {
    case 'usage_update':
    case 'session_info_update':
      return update.sessionUpdate;
    case 'config_option_update':
      return `option ${update.configId}`;
    default:
      return undefined;
  }
}

/**
 * Does that for the events of one turn, or of a piece of one. What a model is told, and what the server itself has to
 * know of the conversation, stays the same too.
 */
export function compactTurn(events: readonly SessionEvent[]): SessionEvent[] {
  const result: (SessionEvent | undefined)[] = [];
  const indexByKey = new Map<string, number>();
  const calls = new Map<string, { index: number; status: string }>();
  for (const event of events) {
    const { update } = event;
    const previous = result.at(-1);
    const merged = previous && mergeChunks(previous, event);
    if (merged) {
      result[result.length - 1] = merged;
      continue;
    }
    if (update.sessionUpdate === 'tool_call' || update.sessionUpdate === 'tool_call_update') {
      const call = calls.get(update.toolCallId);
      const kept = call && result[call.index];
      const status = update.status ?? call?.status;
      const isUpdate = update.sessionUpdate === 'tool_call_update';
      if (isUpdate && kept && status === call.status && canMerge(kept, update, kept === previous)) {
        result[call.index] = { ...kept, update: mergeToolCall(kept.update, update) };
        continue;
      }
      if (status !== undefined) calls.set(update.toolCallId, { index: result.length, status });
    }
    const key = replacementKey(update);
    if (key !== undefined) {
      const replaced = indexByKey.get(key);
      if (replaced !== undefined) result[replaced] = undefined;
      indexByKey.set(key, result.length);
    }
    result.push(event);
  }
  return result.filter((event) => event !== undefined);
}

/**
 * Of a call itself nobody expects a result: that is in its updates. And what a result says of the shell is worth what it
 * says in its place among those of other calls, and all of it.
 */
function canMerge(
  { update: kept }: SessionEvent,
  update: Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>,
  isNeighbour: boolean,
): boolean {
  if (kept.sessionUpdate === 'tool_call') {
    const holdsTerminal = update.content?.some(({ type }) => type === 'terminal') === true;
    return update.rawOutput === undefined && update.noteForModel === undefined && !holdsTerminal;
  }
  if (kept.sessionUpdate !== 'tool_call_update' || update.rawOutput === undefined) return true;
  const later = update.rawOutput;
  const isWhole = keysOf(kept.rawOutput).every((key) => keysOf(later).includes(key));
  return isNeighbour && isWhole;
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** An update that changes no status becomes part of the event of its call before it. */
function mergeToolCall(kept: SessionUpdate, update: SessionUpdate): SessionUpdate {
  return { ...kept, ...update, sessionUpdate: kept.sessionUpdate } as SessionUpdate;
}

/** The two as one event, if they are chunks of one message and hold nothing but text. */
function mergeChunks(first: SessionEvent, second: SessionEvent): SessionEvent | undefined {
  const [a, b] = [first.update, second.update];
  if (!isTextChunk(a) || !isTextChunk(b)) return undefined;
  if (a.sessionUpdate !== b.sessionUpdate || a.messageId !== b.messageId) return undefined;
  if (a.content.text.length + b.content.text.length > maxMergedChars) return undefined;
  // A user's blocks are pieces of their own; only a streamed answer was cut by us.
  if (a.sessionUpdate === 'user_message_chunk') return undefined;
  return { ...first, update: { ...a, content: { type: 'text', text: a.content.text + b.content.text } } };
}

type MessageChunk = Extract<SessionUpdate, { messageId: string; content: unknown }>;
type TextChunk = MessageChunk & { readonly content: { readonly type: 'text'; readonly text: string } };

/** Fields that this version does not know must not get lost, so such a chunk stays as it is. */
function isTextChunk(update: SessionUpdate): update is TextChunk {
  switch (update.sessionUpdate) {
    case 'user_message_chunk':
    case 'agent_message_chunk':
    case 'agent_thought_chunk':
      return (
        update.content.type === 'text' && Object.keys(update).length === 3 && Object.keys(update.content).length === 2
      );
    default:
      return false;
  }
}

/**
 * The end of a turn, or of a part of one, that is too large as a whole, compacted. It is cut between messages and calls,
 * where a journal that is compacted keeps its numbers. What is cut off may be what others had become part of, so the rest
 * is compacted by itself; that can make more of it, and the cut is then made again.
 */
export function endOf(turn: readonly SessionEvent[], { maxEvents, maxChars }: EventLimits): SessionEvent[] {
  for (let rest = turn; ;) {
    const events = compactTurn(rest);
    let chars = 0;
    let start = events.length;
    while (start > 0 && events.length - start < maxEvents) {
      chars += countChars(events.slice(start - 1, start));
      if (chars > maxChars && start < events.length) break;
      start--;
    }
    // The first one may be the rest of a message whose beginning is further up: whoever asks for that gets it whole.
    if (rest === turn && start === 0 && events.length > 1) start = 1;
    const first = events[start];
    if (start === 0 || first === undefined) return events;
    rest = rest.filter(({ sequence }) => sequence >= first.sequence);
  }
}

/** Characters of JSON that `events` have together; counting ends beyond `enough`. */
export function countChars(events: readonly SessionEvent[], enough = Infinity): number {
  let chars = 0;
  for (const event of events) {
    chars += JSON.stringify(event).length;
    if (chars > enough) break;
  }
  return chars;
}
