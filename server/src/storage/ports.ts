import type { ConversationId, SessionEvent } from '../../protocol/sessionEvents.ts';

/** The conversations that are, or can be, opened. */
export interface ConversationRenamer {
  /** Rejects with `NotFound`, or `Conflict` where another process may write to it. */
  rename(id: ConversationId, title: string): Promise<void>;
}

/**
 * Makes of the events of one turn fewer ones that say the same to the panel and to a model, each under the number of one
 * of them, in order.
 */
export type TurnCompactor = (turn: readonly SessionEvent[]) => readonly SessionEvent[];

/** From when on a journal is compacted: both have to be reached, the events since the last time. */
export interface CompactionLimits {
  readonly minGrowthBytes: number;
  readonly minEvents: number;
}

/** The open folders. */
export interface WorkspaceSource {
  readonly folders: readonly string[];
}

/** Something about backups that must be known later. */
interface BackupEvent {
  readonly kind: 'backup.created' | 'backup.restored';
  readonly outcome?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Keeps that a conversation came in from elsewhere. */
export interface ImportAudit {
  /** For what nobody waits for. */
  tell(event: {
    readonly kind: 'conversation.imported';
    readonly details: { readonly conversationId: ConversationId };
  }): void;
}

/** Keeps what must be known later. */
export interface BackupAudit {
  /** Resolves once the record is durable; rejects with `Unavailable` where it cannot be kept: then nothing may be restored. */
  record(event: BackupEvent): Promise<void>;
  /** For what nobody waits for. */
  tell(event: BackupEvent): void;
}
