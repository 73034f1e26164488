import type {
  PermissionOption,
  StopReason,
  TokenUsage,
  ToolCallContent,
  ToolCallStatus,
  ToolKind,
} from '../../../../server/protocol/sessionEvents.ts';

/** A question that a tool call asked. */
export interface PermissionQuestion {
  readonly requestId: string;
  readonly detail: string;
  /** Absolute folder in which a command would run, where the server says it. */
  readonly cwd: string | null;
  readonly options: readonly PermissionOption[];
  /** Undefined while open, the chosen option's id, or null where the question lapsed. */
  readonly answer: string | null | undefined;
}

export interface MessageItem {
  readonly type: 'user' | 'agent' | 'thought';
  readonly key: string;
  readonly messageId: string;
  readonly text: string;
  /** Names of the files and resources that came with the text. */
  readonly attachments: readonly string[];
}

export interface ToolCallItem {
  readonly type: 'tool';
  readonly key: string;
  readonly toolCallId: string;
  readonly title: string;
  readonly kind: ToolKind;
  readonly status: ToolCallStatus;
  /** The turn ended before the call did. */
  readonly abandoned: boolean;
  readonly rawInput: unknown;
  readonly rawOutput: unknown;
  readonly content: readonly ToolCallContent[];
  readonly locations: readonly { readonly path: string; readonly line?: number | undefined }[];
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly question: PermissionQuestion | null;
}

/** A question whose tool call is not part of the view. */
export interface QuestionItem {
  readonly type: 'question';
  readonly key: string;
  readonly question: PermissionQuestion;
}

export interface TurnEndItem {
  readonly type: 'turnEnd';
  readonly key: string;
  readonly turnId: string;
  readonly stopReason: StopReason;
  readonly error: { readonly reason: string; readonly message: string } | null;
}

export type ConversationItem = MessageItem | ToolCallItem | QuestionItem | TurnEndItem;

export interface RunningTurn {
  readonly turnId: string;
  readonly model: string;
  readonly startedAt: number;
}

export interface ContextUsage {
  readonly used: number;
  /** Tokens that the context window can hold, where known. */
  readonly size: number | null;
  readonly turn: TokenUsage;
}

/** What a conversation's events fold to: all that the panel shows of it. Never changed in place. */
export interface ConversationView {
  /** Number of the newest event contained; 0 for none. */
  readonly sequence: number;
  readonly title: string;
  readonly items: readonly ConversationItem[];
  readonly turn: RunningTurn | null;
  readonly usage: ContextUsage | null;
  readonly configValues: Readonly<Record<string, string>>;
  /** Where each tool call (`tool:<id>`) and question (`question:<id>`) stands in `items`. */
  readonly positions: ReadonlyMap<string, number>;
}

/** A conversation with no events. */
export const emptyView: ConversationView = {
  sequence: 0,
  title: '',
  items: [],
  turn: null,
  usage: null,
  configValues: {},
  positions: new Map(),
};

/** The oldest question of the running turn that still waits for an answer, or null. */
export function openQuestion(view: ConversationView): PermissionQuestion | null {
  let oldest: PermissionQuestion | null = null;
  if (view.turn === null) return oldest;
  for (let position = view.items.length - 1; position >= 0; position--) {
    const item = view.items[position];
    if (item === undefined || item.type === 'turnEnd') break;
    const question = item.type === 'tool' || item.type === 'question' ? item.question : null;
    if (question !== null && question.answer === undefined) oldest = question;
  }
  return oldest;
}
