import type { UnsavedEnd } from '../../../../server/protocol/session.ts';
import type {
  ContentBlock,
  SessionEvent,
  SessionUpdate,
  ToolCallStatus,
} from '../../../../server/protocol/sessionEvents.ts';
import {
  emptyView,
  type ContextUsage,
  type ConversationItem,
  type ConversationView,
  type MessageItem,
  type PermissionQuestion,
  type RunningTurn,
  type ToolCallItem,
} from './conversationView.ts';

type UpdateOf<K extends SessionUpdate['sessionUpdate']> = Extract<SessionUpdate, { sessionUpdate: K }>;
type ChunkUpdate = UpdateOf<'user_message_chunk' | 'agent_message_chunk' | 'agent_thought_chunk'>;

export interface FoldResult {
  readonly view: ConversationView;
  /** True where a number is missing between the view and the events: the rest was left out, attach again. */
  readonly hasHole: boolean;
}

/**
 * Folds live events onto a view. Events that the view already contains are passed over, so folding twice changes
 * nothing; at a hole in the numbers it stops. Items that did not change keep their identity.
 */
export function foldEvents(view: ConversationView, events: readonly SessionEvent[]): FoldResult {
  const draft = new ViewDraft(view);
  for (const event of events) {
    if (event.sequence <= draft.sequence) continue;
    if (event.sequence !== draft.sequence + 1) return { view: draft.finish(), hasHole: true };
    draft.apply(event);
  }
  return { view: draft.finish(), hasHole: false };
}

/**
 * Folds what an attach answered, which is complete up to `sequence` although compaction may have left numbers out.
 */
export function foldAttached(
  view: ConversationView,
  attached: { readonly events: readonly SessionEvent[]; readonly sequence: number; readonly title: string },
): ConversationView {
  const draft = new ViewDraft(view);
  draft.title = attached.title;
  for (const event of attached.events) {
    if (event.sequence > view.sequence) draft.apply(event);
  }
  draft.sequence = Math.max(draft.sequence, attached.sequence);
  return draft.finish();
}

/**
 * Puts earlier events in front of a view. What they say of title, options and usage has been replaced since. `loose` are
 * events behind them that found nothing to change, and `inFront` of the view's items stood in front before; answered is
 * how many do now.
 */
export function foldEarlier(
  { view, inFront }: { readonly view: ConversationView; readonly inFront: number },
  earlier: readonly SessionEvent[],
  loose: readonly SessionEvent[],
): { view: ConversationView; inFront: number } {
  const draft = new ViewDraft(emptyView);
  for (const event of earlier) draft.apply(event);
  for (const event of loose) {
    const { update } = event;
    if (update.sessionUpdate !== 'permission_requested' || draft.hasCall(update.toolCallId)) draft.apply(event);
  }
  if (view.turn === null) draft.closeOpenCalls();
  const { items, positions } = draft.finish();
  const all = [...items];
  const places = view.items.map((item) => {
    const place = item.type === 'question' ? positions.get(item.key) : undefined;
    const call = place === undefined ? undefined : items[place];
    if (item.type !== 'question' || place === undefined || call?.type !== 'tool') return all.push(item) - 1;
    // A question that stood alone now stands at its call, as it was answered.
    all[place] = { ...call, question: item.question };
    return place;
  });
  const moved = [...view.positions].map(([key, place]) => [key, places[place] ?? place] as const);
  const latest = view.items.length - inFront;
  const adopted = places.slice(inFront).filter((place) => place < items.length).length;
  return {
    view: { ...view, items: all, positions: new Map([...positions, ...moved]) },
    inFront: all.length - latest + adopted,
  };
}

/**
 * The events that change a call or a question which is not part of the view, or stands among its first `inFront` items.
 */
export function looseEvents(view: ConversationView, events: readonly SessionEvent[], inFront = 0): SessionEvent[] {
  return events.filter(({ update }) => {
    const key = changedItem(update);
    const position = key === undefined ? undefined : (view.positions.get(key) ?? -1);
    // A question that stands alone has its call further up.
    return position !== undefined && (position < inFront || view.items[position]?.type === 'question');
  });
}

function changedItem(update: SessionUpdate): string | undefined {
  switch (update.sessionUpdate) {
    case 'tool_call_update':
    case 'permission_requested':
      return `tool:${update.toolCallId}`;
    case 'permission_answered':
      return `question:${update.requestId}`;
    default:
      return undefined;
  }
}

/** The view without its first items. */
export function withoutFirst(view: ConversationView, count: number): ConversationView {
  const positions = [...view.positions].flatMap(([key, position]) =>
    position < count ? [] : [[key, position - count] as const],
  );
  return { ...view, items: view.items.slice(count), positions: new Map(positions) };
}

/**
 * The view of a conversation whose server knows of no running turn: what was left open has been interrupted, or has an end
 * that could not be written yet.
 */
export function withoutRunningTurn(view: ConversationView, unsavedEnd?: UnsavedEnd): ConversationView {
  if (view.turn === null) return view;
  const { turnId } = view.turn;
  const { stopReason, error } =
    unsavedEnd?.turnId === turnId ? unsavedEnd : { stopReason: 'interrupted' as const, error: undefined };
  const draft = new ViewDraft(view);
  draft.endTurn({ sessionUpdate: 'turn_ended', turnId, stopReason, ...(error && { error }) }, view.sequence);
  return draft.finish();
}

/** A view under construction: copies items and positions once a batch, and only if they change. */
class ViewDraft {
  sequence: number;
  title: string;
  private readonly base: ConversationView;
  private items: ConversationItem[];
  private positions: Map<string, number>;
  private turn: RunningTurn | null;
  private usage: ContextUsage | null;
  private configValues: Readonly<Record<string, string>>;

  constructor(base: ConversationView) {
    this.base = base;
    this.sequence = base.sequence;
    this.title = base.title;
    this.items = [...base.items];
    this.positions = new Map(base.positions);
    this.turn = base.turn;
    this.usage = base.usage;
    this.configValues = base.configValues;
  }

  finish(): ConversationView {
    const isUnchanged =
      this.sequence === this.base.sequence && this.title === this.base.title && this.turn === this.base.turn;
    if (isUnchanged) return this.base;
    const { sequence, title, items, turn, usage, configValues, positions } = this;
    return { sequence, title, items, turn, usage, configValues, positions };
  }

  apply(event: SessionEvent): void {
    const { update, sequence, at } = event;
    switch (update.sessionUpdate) {
      case 'user_message_chunk':
      case 'agent_message_chunk':
      case 'agent_thought_chunk':
        this.appendChunk(update, sequence);
        break;
      case 'tool_call':
        this.startTool(update, at);
        break;
      case 'tool_call_update':
        this.updateTool(update, at);
        break;
      case 'permission_requested':
        this.ask(update);
        break;
      case 'permission_answered':
        this.answer(update.requestId, update.optionId);
        break;
      case 'turn_started':
        this.turn = { turnId: update.turnId, model: update.model, startedAt: at };
        break;
      case 'turn_ended':
        this.endTurn(update, sequence);
        break;
      case 'usage_update':
        this.usage = { used: update.used, size: update.size ?? null, turn: update.turn };
        break;
      case 'session_info_update':
        this.title = update.title;
        break;
      case 'config_option_update':
        this.configValues = { ...this.configValues, [update.configId]: update.value };
        break;
      default:
        // A newer server may send kinds that this panel does not know; they have nothing to show here.
        break;
    }
    this.sequence = Math.max(this.sequence, sequence);
  }

  hasCall(toolCallId: string): boolean {
    return this.positions.has(`tool:${toolCallId}`);
  }

  endTurn(update: UpdateOf<'turn_ended'>, sequence: number): void {
    this.turn = null;
    this.closeOpenCalls();
    const { turnId, stopReason, error = null } = update;
    const last = this.items.at(-1);
    // The server's word about an interrupted turn replaces what the view had concluded by itself.
    if (last?.type === 'turnEnd' && last.turnId === turnId) this.items.pop();
    this.items.push({ type: 'turnEnd', key: `end:${turnId}:${sequence}`, turnId, stopReason, error });
  }

  private appendChunk(update: ChunkUpdate, sequence: number): void {
    const type = messageTypes[update.sessionUpdate];
    const { text, attachment } = readBlock(update.content);
    const attachments = attachment === null ? [] : [attachment];
    const last = this.items.at(-1);
    // A message that goes on after something else was shown starts anew below it, so that the order stays true.
    if (last?.type === type && last.messageId === update.messageId) {
      this.items[this.items.length - 1] = {
        ...last,
        text: last.text + text,
        attachments: attachment === null ? last.attachments : [...last.attachments, attachment],
      };
      return;
    }
    const key = `${type}:${update.messageId}:${sequence}`;
    this.items.push({ type, key, messageId: update.messageId, text, attachments });
  }

  private startTool(update: UpdateOf<'tool_call'>, at: number): void {
    const key = `tool:${update.toolCallId}`;
    const item: ToolCallItem = {
      type: 'tool',
      key,
      toolCallId: update.toolCallId,
      title: update.title,
      kind: update.kind,
      status: update.status,
      abandoned: false,
      rawInput: update.rawInput,
      rawOutput: update.rawOutput,
      content: update.content ?? [],
      locations: update.locations ?? [],
      startedAt: at,
      endedAt: hasEnded(update.status) ? at : null,
      question: null,
    };
    const position = this.positions.get(key);
    if (position === undefined) this.add(key, item);
    else this.items[position] = { ...item, question: this.toolAt(position)?.question ?? null };
  }

  private updateTool(update: UpdateOf<'tool_call_update'>, at: number): void {
    const position = this.positions.get(`tool:${update.toolCallId}`);
    const call = position === undefined ? undefined : this.toolAt(position);
    if (position === undefined || call === undefined) return;
    const status = update.status ?? call.status;
    const hasStarted = call.status === 'pending' && status !== 'pending';
    this.items[position] = {
      ...call,
      status,
      title: update.title ?? call.title,
      content: update.content ?? call.content,
      locations: update.locations ?? call.locations,
      rawInput: update['rawInput'] ?? call.rawInput,
      rawOutput: update.rawOutput ?? call.rawOutput,
      // The time a person took to answer a question is no running time of the tool.
      startedAt: hasStarted ? at : call.startedAt,
      endedAt: hasEnded(status) ? (call.endedAt ?? at) : null,
    };
  }

  private ask(update: UpdateOf<'permission_requested'>): void {
    const { requestId, detail, cwd = null, options } = update;
    const question: PermissionQuestion = { requestId, detail, cwd, options, answer: undefined };
    const key = `question:${requestId}`;
    const position = this.positions.get(`tool:${update.toolCallId}`);
    const call = position === undefined ? undefined : this.toolAt(position);
    if (position === undefined || call === undefined) {
      this.add(key, { type: 'question', key, question });
      return;
    }
    this.positions.set(key, position);
    this.items[position] = { ...call, question };
  }

  private answer(requestId: string, answer: string | null): void {
    const position = this.positions.get(`question:${requestId}`);
    const item = position === undefined ? undefined : this.items[position];
    if (position === undefined || item === undefined) return;
    if ((item.type === 'tool' || item.type === 'question') && item.question !== null) {
      this.items[position] = { ...item, question: { ...item.question, answer } };
    }
  }

  /** Calls and questions that their turn left open will never be answered. */
  closeOpenCalls(): void {
    for (let position = this.items.length - 1; position >= 0; position--) {
      const item = this.items[position];
      if (item === undefined || item.type === 'turnEnd') return;
      if (item.type !== 'tool' && item.type !== 'question') continue;
      if (item.question?.answer === undefined && item.question !== null) {
        this.answer(item.question.requestId, null);
      }
      const call = this.toolAt(position);
      if (call !== undefined && !hasEnded(call.status)) this.items[position] = { ...call, abandoned: true };
    }
  }

  private toolAt(position: number): ToolCallItem | undefined {
    const item = this.items[position];
    return item?.type === 'tool' ? item : undefined;
  }

  private add(key: string, item: ConversationItem): void {
    this.positions.set(key, this.items.length);
    this.items.push(item);
  }
}

const messageTypes = {
  user_message_chunk: 'user',
  agent_message_chunk: 'agent',
  agent_thought_chunk: 'thought',
} as const satisfies Record<ChunkUpdate['sessionUpdate'], MessageItem['type']>;

function hasEnded(status: ToolCallStatus): boolean {
  return status === 'completed' || status === 'failed';
}

/** The text of a block, and the name of what it links to. */
function readBlock(block: ContentBlock): { text: string; attachment: string | null } {
  switch (block.type) {
    case 'text':
      return { text: block.text, attachment: null };
    case 'resource_link':
      return { text: '', attachment: block.name };
    case 'resource':
      return { text: '', attachment: block.resource.uri };
    default:
      return { text: '', attachment: null };
  }
}
