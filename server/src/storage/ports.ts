import type { ConversationId } from '../../protocol/sessionEvents.ts';

/** The conversations that are, or can be, opened. */
export interface ConversationRenamer {
  /** Rejects with `NotFound`, or `Conflict` where another process may write to it. */
  rename(id: ConversationId, title: string): Promise<void>;
}

/** The open folders. */
export interface WorkspaceSource {
  readonly folders: readonly string[];
}
