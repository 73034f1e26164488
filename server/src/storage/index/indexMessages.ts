import type { IndexedConversation, SearchHit, UsageReport } from './indexedConversation.ts';
import type { JournalName } from './indexDatabase.ts';

/** What the thread of the index is started with. */
export interface IndexWorkerData {
  /** Absolute path. */
  readonly dataFolder: string;
  /** Absolute path of sql.js's WebAssembly. */
  readonly wasmFile: string;
  /** Build anew whatever the saved index says: the thread before died of it, perhaps. */
  readonly ignoreSaved: boolean;
}

/** What can be asked of the thread, by name: parameters and answer. */
export interface IndexRequests {
  search: {
    readonly params: { readonly query: string; readonly limit: number; readonly workspace: string | undefined };
    readonly result: readonly SearchHit[];
  };
  usage: {
    readonly params: { readonly fromDay: string; readonly toDay: string; readonly workspace: string | undefined };
    readonly result: UsageReport;
  };
  /** Folds what is new: in these journals, or, where none are named, in all that have changed. */
  catchUp: { readonly params: { readonly changed?: readonly JournalName[] }; readonly result: null };
  save: { readonly params: object; readonly result: null };
  /** Ends what is under way and closes all files, so that the thread can be ended without leaving any open. */
  stop: { readonly params: object; readonly result: null };
}

export type IndexRequest = {
  [M in keyof IndexRequests]: { readonly id: number; readonly method: M; readonly params: IndexRequests[M]['params'] };
}[keyof IndexRequests];

/** What the thread says. */
export type IndexMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: unknown }
  /** What has changed since the last one; the first ones hold everything, and come before `ready`. */
  | {
      readonly kind: 'rows';
      readonly upserted: readonly IndexedConversation[];
      readonly removed: readonly JournalName[];
    }
  /** `sinceMs`: how long it has been reading journals. */
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly sinceMs: number }
  /** It is up to date with the journals as they were when it looked. `isSaved`: it began with the saved index. */
  | { readonly kind: 'ready'; readonly isSaved: boolean }
  /** Comes after each change and each save. */
  | { readonly kind: 'state'; readonly isDirty: boolean; readonly sizeBytes: number }
  /** Nothing is answered while it exports. */
  | { readonly kind: 'exporting'; readonly isExporting: boolean }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
