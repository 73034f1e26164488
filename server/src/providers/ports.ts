import type { ParamsOf, ServerNotification } from '../../protocol/contract.ts';
import type { SettingKey, Settings } from '../../protocol/settings.ts';

/** The settings in force. */
export interface SettingsSource {
  get<K extends SettingKey>(key: K): Settings[K];
}

/** Secrets, kept in memory only. */
export interface SecretSource {
  /** The secret, or null if it is not set. */
  get(name: string): Promise<string | null>;
}

/** Reaches every client of this server. */
export interface Broadcaster {
  notifyAll<M extends ServerNotification>(method: M, params: ParamsOf<M>): void;
}

/** How requests leave this process: the global `fetch`, or one that knows proxies and certificates. */
export type HttpFetch = typeof globalThis.fetch;

/** The server's cache, as the catalog of models uses it. */
export interface AnswerCache<V> {
  /** Gives what is kept, or asks; `stale`: something old will do, `nothing`: ask in any case. Many at once ask once. */
  fetch(
    key: string,
    load: (signal: AbortSignal, previous: V | undefined) => Promise<V>,
    lookup: { readonly accept: 'stale' | 'fresh' | 'nothing' },
  ): Promise<V>;
  /** Forgets everything at once in memory, and soon on disk. */
  clear(): Promise<unknown>;
}
