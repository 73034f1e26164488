import type { ConversationId, StopReason } from '../../../protocol/sessionEvents.ts';

/** What the index knows of one conversation. */
export interface IndexedConversation {
  readonly conversationId: ConversationId;
  /** Name of the folder below `conversations/` in which the journal stands. */
  readonly workspace: string;
  readonly cwd: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When it was imported, in milliseconds since 1970; undefined for one that began here. */
  readonly importedAt?: number;
  /** Milliseconds since 1970, of the last event. */
  readonly updatedAt: number;
  /** The title given last, else the beginning of the first message, else empty. */
  readonly title: string;
  /** Null until one is chosen. */
  readonly persona: string | null;
  /** `provider/model` of the last turn, or the one chosen since; null until there is one. */
  readonly model: string | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** What agents that report a price said it cost, in their currency; null where none did. */
  readonly cost: number | null;
  readonly state: IndexedState;
}

/** `new`: no turn yet. `running`: a turn has begun and not ended, by a live server or one that died. */
export type IndexedState = 'new' | 'running' | StopReason;

/** What can be searched: what a person or an agent wrote, a command line, a file's path. */
export type DocumentKind = 'title' | 'user' | 'agent' | 'command' | 'file';

/** One hit of a search. */
export interface SearchHit {
  readonly conversation: IndexedConversation;
  readonly kind: DocumentKind;
  /** Of the event that the hit begins with. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly snippet: string;
  /** Places of the words that were searched for, in UTF-16 units of `snippet`. */
  readonly highlights: readonly { readonly start: number; readonly end: number }[];
}

/** Sums over turns. */
export interface UsageTotals {
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: number;
}

/** `key` is a day (`2026-01-31`, in the time of the machine), a model or a persona; empty where none was known. */
export type KeyedUsage = UsageTotals & { readonly key: string };

export interface UsageReport {
  readonly total: UsageTotals;
  readonly byDay: readonly KeyedUsage[];
  readonly byModel: readonly KeyedUsage[];
  readonly byPersona: readonly KeyedUsage[];
}
