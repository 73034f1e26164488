import type { SessionEvent, SessionUpdate } from '../../../protocol/sessionEvents.ts';
import { givenTitle, titleOfText } from '../../base/title.ts';
import type { DocumentKind, IndexedState } from './indexedConversation.ts';

/** Longer messages become several documents, so that a growing one never costs more than this to be written again. */
const maxDocumentChars = 16 * 1024;
/** More text than this of one conversation is not searched. */
const maxIndexedChars = 16 * 1024 * 1024;
const maxPathChars = 1_024;

/** What has to be known of the events before, to go on with those that come. Plain JSON. */
export interface FoldState {
  /** Of the last event. */
  sequence: number;
  updatedAt: number;
  /** Undefined until somebody gave one. */
  title?: string;
  /** The beginning of the first message. */
  firstText: string;
  persona: string | null;
  model: string | null;
  state: IndexedState;
  inputTokens: number;
  outputTokens: number;
  cost: number | null;
  /** What the turn under way has used as far as it was counted. */
  turn: { inputTokens: number; outputTokens: number };
  /** The message that may still grow: the chunks of one message follow one another. */
  growing?: { messageId: string; kind: DocumentKind; chars: number };
  indexedChars: number;
  /** Number of the newest lease; undefined where none was read. */
  epoch?: number;
}

/** Text to be searched. One that `continues` belongs to the message that the document before it began. */
export interface NewDocument {
  readonly kind: DocumentKind;
  readonly sequence: number;
  readonly at: number;
  text: string;
  readonly continues: boolean;
}

/** What the events of one day with one model and persona add. */
export interface UsageChange {
  /** Milliseconds since 1970 of an event of that day. */
  readonly at: number;
  readonly model: string;
  readonly persona: string;
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: number;
}

/** The state before the first event. */
export function emptyFold(createdAt: number): FoldState {
  return {
    sequence: 0,
    updatedAt: createdAt,
    firstText: '',
    persona: null,
    model: null,
    state: 'new',
    inputTokens: 0,
    outputTokens: 0,
    cost: null,
    turn: { inputTokens: 0, outputTokens: 0 },
    indexedChars: 0,
  };
}

/** Takes the events of a journal in order and gathers what the index is to be told of them. */
export class ConversationFold {
  readonly state: FoldState;
  readonly documents: NewDocument[] = [];
  readonly usage: UsageChange[] = [];
  /** Paths named since, each once. */
  readonly files = new Map<string, { readonly sequence: number; readonly at: number }>();

  /** `state` is changed. */
  constructor(state: FoldState) {
    this.state = state;
  }

  /** An event of a kind that the index has no use for. */
  skip(sequence: number, at: number): void {
    this.state.sequence = sequence;
    this.state.updatedAt = at;
  }

  take({ sequence, at, update }: SessionEvent): void {
    this.skip(sequence, at);
    switch (update.sessionUpdate) {
      case 'user_message_chunk':
        this.takeMessage('user', update, { sequence, at });
        break;
      case 'agent_message_chunk':
        this.takeMessage('agent', update, { sequence, at });
        break;
      case 'tool_call':
        this.takeCall(update, { sequence, at });
        break;
      case 'tool_call_update':
        this.takeFiles(update.locations, { sequence, at });
        break;
      case 'session_info_update':
        this.takeTitle(update.title, { sequence, at });
        break;
      case 'config_option_update':
        if (update.configId === 'model') this.state.model = update.value;
        if (update.configId === 'persona') this.state.persona = update.value;
        break;
      case 'turn_started':
        this.state.state = 'running';
        this.state.model = update.model;
        this.state.turn = { inputTokens: 0, outputTokens: 0 };
        this.count(at, { turns: 1 });
        break;
      case 'turn_ended':
        this.state.state = update.stopReason;
        break;
      case 'usage_update':
        this.takeUsage(update, at);
        break;
      default:
        break;
    }
  }

  private takeTitle(text: string, place: { sequence: number; at: number }): void {
    const title = givenTitle(text);
    if (title === '') return;
    this.state.title = title;
    this.add({ kind: 'title', text, ...place });
  }

  private takeMessage(
    kind: 'user' | 'agent',
    { messageId, content }: Extract<SessionUpdate, { sessionUpdate: 'user_message_chunk' | 'agent_message_chunk' }>,
    place: { sequence: number; at: number },
  ): void {
    if (content.type !== 'text') {
      this.takeFiles([{ path: content.type === 'resource' ? content.resource.uri : content.uri }], place);
      if (content.type === 'resource_link') return;
    }
    const text = content.type === 'text' ? content.text : content.resource.text;
    if (kind === 'user' && content.type === 'text' && this.state.firstText === '')
      this.state.firstText = titleOfText(text);
    const { growing } = this.state;
    const isSame = growing?.messageId === messageId && growing.kind === kind;
    for (let start = 0; start < text.length; start += maxDocumentChars) {
      const piece = text.slice(start, start + maxDocumentChars);
      const grows = isSame && start === 0 && growing.chars + piece.length <= maxDocumentChars;
      this.add({ kind, text: piece, ...place }, grows);
      this.state.growing = { messageId, kind, chars: piece.length + (grows ? growing.chars : 0) };
    }
  }

  private takeCall(
    call: Extract<SessionUpdate, { sessionUpdate: 'tool_call' }>,
    place: { sequence: number; at: number },
  ): void {
    if (call.kind === 'execute') this.add({ kind: 'command', text: commandOf(call.rawInput) ?? call.title, ...place });
    this.takeFiles(call.locations, place);
  }

  private takeFiles(
    locations: readonly { readonly path: string }[] | undefined,
    place: { sequence: number; at: number },
  ): void {
    for (const { path } of locations ?? []) {
      if (path !== '' && path.length <= maxPathChars) this.files.set(path, place);
    }
  }

  private takeUsage(update: Extract<SessionUpdate, { sessionUpdate: 'usage_update' }>, at: number): void {
    // What is reported is the sum of the turn so far, and of the conversation so far for the price.
    const { turn, cost } = update;
    const inputTokens = Math.max(0, turn.inputTokens - this.state.turn.inputTokens);
    const outputTokens = Math.max(0, turn.outputTokens - this.state.turn.outputTokens);
    const spent = cost === undefined ? 0 : Math.max(0, cost.amount - (this.state.cost ?? 0));
    this.state.turn = { inputTokens: turn.inputTokens, outputTokens: turn.outputTokens };
    this.state.inputTokens += inputTokens;
    this.state.outputTokens += outputTokens;
    if (cost !== undefined) this.state.cost = cost.amount;
    this.count(at, { inputTokens, outputTokens, cost: spent });
  }

  private count(at: number, sums: Partial<UsageChange>): void {
    const { model, persona } = this.state;
    const nothing = { turns: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
    this.usage.push({ ...nothing, at, model: model ?? '', persona: persona ?? '', ...sums });
  }

  private add(document: Omit<NewDocument, 'continues'>, continues = false): void {
    if (this.state.indexedChars > maxIndexedChars) return;
    this.state.indexedChars += document.text.length;
    const last = this.documents.findLast(({ kind }) => kind === document.kind);
    if (continues && last !== undefined) last.text += document.text;
    else this.documents.push({ ...document, continues });
  }
}

function commandOf(rawInput: unknown): string | undefined {
  if (typeof rawInput !== 'object' || rawInput === null || !('command' in rawInput)) return undefined;
  return typeof rawInput.command === 'string' ? rawInput.command : undefined;
}
