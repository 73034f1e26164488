import type { CodedError } from '../../protocol/errors.ts';
import type { ConversationSummary } from '../../protocol/session.ts';
import type { ParamsOf, ServerNotification } from '../../protocol/contract.ts';
import type {
  ConversationId,
  SessionEvent,
  SessionUpdate,
  TokenUsage,
  ToolCallContent,
  ToolKind,
} from '../../protocol/sessionEvents.ts';
import type { SettingKey, Settings } from '../../protocol/settings.ts';
import type { TerminalId } from '../../protocol/terminal.ts';
import type { Disposable } from '../base/disposable.ts';

/** Opened to be read, a journal is claimed by nobody, and kept from nobody. */
export type JournalPurpose = 'reading' | 'writing';

/** One conversation's events, in memory and on disk. Whoever opened it closes it. */
export interface ConversationJournal {
  /** `read`: another process holds the conversation, or it was opened to be read; its events still arrive. */
  readonly access: 'write' | 'read';
  /** Why it cannot be written: `Conflict` where another process holds it. Undefined where nothing stands in the way. */
  readonly refusal: CodedError | undefined;
  readonly header: {
    readonly conversationId: ConversationId;
    readonly cwd: string;
    readonly createdAt: number;
    readonly imported?: { readonly at: number };
  };
  /** What is damaged in it; `mark` is equal for the same damage, however often it is opened. */
  readonly unreadable: { readonly places: number; readonly mark: string } | undefined;
  /** Its end was not whole: the last events may be missing. */
  readonly wasCut: boolean;
  /** Of the events up to this number some have been merged: who knows only a part of them cannot go on from there. */
  readonly compactedThrough: number;
  /** Events up to this number are not held in memory any more, but for the title, options and usage; 0 if all are. */
  readonly droppedThrough: number;
  /** The newest events, in order; all of them but in a very long conversation. */
  events(): readonly SessionEvent[];
  /** The events with numbers below `sequence`, also those no longer in memory: in slices, the newest slice first. */
  eventsBefore(sequence: number, signal: AbortSignal): AsyncIterable<readonly SessionEvent[]>;
  /** Resolves once the events are durable. The order of calls is kept. */
  append(updates: readonly SessionUpdate[]): Promise<readonly SessionEvent[]>;
  /** Calls `listener` for each event after it is durable, whoever wrote it. */
  onAppended(listener: (event: SessionEvent) => void): Disposable;
  /**
   * Calls `listener` once, when opening it again gives something else: another process has let go of the conversation,
   * or has taken it.
   */
  onStale(listener: () => void): Disposable;
  close(): Promise<void>;
}

/** A line of the list of conversations. */
export interface JournalSummary {
  readonly conversationId: ConversationId;
  readonly cwd: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly title: string;
  readonly lockedElsewhere: boolean;
  readonly runsElsewhere: boolean;
  readonly importedAt?: number;
  /** Why it cannot be opened, and what to do. */
  readonly unopenable?: string;
  /** What only an index knows. */
  readonly details?: ConversationSummary['details'];
}

export interface JournalStore {
  create(header: { readonly cwd: string; readonly workspaceFolders: readonly string[] }): Promise<ConversationJournal>;
  /** For writing where that is wanted and the lock can be had, else to read along. */
  open(id: ConversationId, purpose: JournalPurpose): Promise<ConversationJournal>;
  /** Of all workspaces where no folder is given. */
  list(workspaceFolders: readonly string[]): Promise<readonly JournalSummary[]>;
  delete(id: ConversationId): Promise<void>;
}

/** A tool as a model is told of it. `inputSchema` is JSON Schema. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** What a running call shows; a part that is left out stays as it is. */
export interface ToolCallProgress {
  readonly content?: readonly ToolCallContent[];
  readonly rawOutput?: Readonly<Record<string, unknown>>;
}

/** One call of a tool. */
export interface ToolCallRequest {
  readonly toolName: string;
  readonly input: unknown;
  readonly conversationId: ConversationId;
  readonly toolCallId: string;
  /** As it stands at the time of asking: folders and trust may change while a call runs. */
  place(): { readonly cwd: string; readonly workspaceFolders: readonly string[]; readonly trusted: boolean };
  readonly commandCwd: string;
  ask(question: { readonly detail: string; readonly cwd?: string; readonly key: string }): Promise<boolean>;
  onProgress(progress: ToolCallProgress): void;
  readonly signal: AbortSignal;
}

export interface ToolCallOutcome {
  readonly status: 'completed' | 'failed';
  /** The call itself was wrong: no such tool, or input that does not fit. */
  readonly isMistake?: boolean;
  readonly content: readonly ToolCallContent[];
  readonly noteForModel?: string;
  readonly rawOutput?: Readonly<Record<string, unknown>>;
  readonly commandCwd?: string;
}

/** The tools that the agent has. */
export interface ToolBox {
  readonly definitions: readonly ToolDefinition[];
  /** How a call is shown; works for unknown tools and unusable input too. */
  describe(
    toolName: string,
    input: unknown,
  ): {
    readonly title: string;
    readonly kind: ToolKind;
    readonly locations?: readonly { readonly path: string; readonly line?: number }[];
  };
  /** Never rejects for a tool's own failure: that is an outcome. Rejects when cancelled. */
  run(request: ToolCallRequest): Promise<ToolCallOutcome>;
  /**
   * Takes up a call whose server has gone, or whose command goes on without it: how it stands, and its end if that is
   * yet to come. Undefined where nothing is known of it. `end` rejects where the command is lost.
   */
  takeUp(call: {
    readonly toolName: string;
    readonly conversationId: ConversationId;
    readonly toolCallId: string;
    readonly terminalId: TerminalId | undefined;
  }): Promise<{ readonly now: ToolCallOutcome; readonly end?: Promise<ToolCallOutcome> } | undefined>;
}

/** Messages as models take them: the shapes of the AI SDK that we use. */
export type ModelMessage =
  | { readonly role: 'user'; readonly content: string }
  | { readonly role: 'assistant'; readonly content: AssistantPart[] }
  | { readonly role: 'tool'; readonly content: ToolResultPart[] };

export type AssistantPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | {
      readonly type: 'tool-call';
      readonly toolCallId: string;
      readonly toolName: string;
      readonly input: unknown;
      /** What the provider gave with the call and wants to see again. */
      readonly providerOptions?: Record<string, Record<string, JsonValue>>;
    };

export type JsonValue = null | string | number | boolean | JsonValue[] | { [key: string]: JsonValue };

export interface ToolResultPart {
  readonly type: 'tool-result';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly output: { readonly type: 'text' | 'error-text'; readonly value: string };
}

/** A piece of a model's answer as it arrives. */
export type ModelPart =
  | { readonly type: 'text' | 'thought'; readonly text: string }
  | {
      readonly type: 'toolCall';
      readonly toolCallId: string;
      readonly toolName: string;
      /** The parsed arguments; what the model wrote where that is not JSON. */
      readonly input: unknown;
      /** Why the arguments cannot be used. */
      readonly invalid?: string;
      readonly providerMetadata?: Readonly<Record<string, unknown>>;
    };

export interface ModelRequest {
  readonly instructions: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly signal: AbortSignal;
  /** Awaited before more is taken from the network. */
  onPart(part: ModelPart): Promise<void>;
}

export interface ModelAnswer {
  readonly finish: 'stop' | 'toolCalls' | 'length' | 'refusal';
  readonly usage: TokenUsage | undefined;
}

/** A model that is ready to be called. */
export interface ReadyModel {
  /** `provider/model`. */
  readonly id: string;
  readonly contextTokens: number | undefined;
  /**
   * Makes one model call, repeated within a budget while nothing has arrived and trying again can help. Rejects with a
   * `CodedError` whose message tells the person what to do, or with the signal's reason.
   */
  call(request: ModelRequest): Promise<ModelAnswer>;
}

/** The models that are known, and which of them is used where none is named. */
export interface ModelChoices {
  readonly models: readonly { readonly id: string; readonly name: string }[];
  readonly defaultModel: string | null;
}

/** The models that can be used. */
export interface Models {
  /** Rejects with a `CodedError` that says how to set one up. `null` asks for the default model. */
  ready(model: string | null): Promise<ReadyModel>;
  /** What is known without waiting for longer than that; for a second where nothing is said. */
  choices(waitMs?: number): Promise<ModelChoices>;
  /** Whether a name can be a model's: `provider/model` with a provider that exists. */
  isModelName(model: string): boolean;
}

/** Keeps what must be known later. */
export interface AuditTrail {
  /** Resolves once the record is durable; rejects with `Unavailable` where it cannot be kept: then the answer may not count. */
  record(event: {
    readonly kind: 'permission.answered';
    readonly outcome: string;
    readonly details: Readonly<Record<string, unknown>>;
  }): Promise<void>;
  /** For what nobody waits for: a full disk must keep nobody from deleting. */
  tell(event: {
    readonly kind: 'conversation.deleted';
    readonly details: { readonly conversationId: ConversationId };
  }): void;
}

/** The settings in force. */
export interface SettingsSource {
  get<K extends SettingKey>(key: K): Settings[K];
}

/** The open folders. */
export interface WorkspaceSource {
  readonly folders: readonly string[];
  readonly state: { readonly trusted: boolean };
}

/** Reaches every client of this server. */
export interface Broadcaster {
  notifyAll<M extends ServerNotification>(method: M, params: ParamsOf<M>): void;
}
