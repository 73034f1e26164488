import type { EditorTerminals } from '../../protocol/server.ts';
import type { SettingKey, Settings } from '../../protocol/settings.ts';
import type { PtyHostClient } from './hostClient/ptyHostClient.ts';

/** Gives the live connection to the data folder's pty host, starting a host if there is none. */
export interface PtyHostSource {
  client(): Promise<PtyHostClient>;
}

/** Keeps what must be known later. */
export interface AuditTrail {
  /** Resolves once the record is durable; rejects with `Unavailable` where it cannot be kept: then it must not be done. */
  record(event: {
    readonly kind: 'command.run' | 'terminal.created' | 'terminal.input';
    readonly agent?: { readonly conversationId: string; readonly toolCallId: string };
    readonly details: Readonly<Record<string, unknown>>;
  }): Promise<void>;
}

export interface TerminalSettings {
  get<K extends SettingKey>(key: K): Settings[K];
}

export interface TerminalWorkspace {
  /** Absolute paths of the open folders. */
  readonly folders: readonly string[];
  /** How the attached editor starts its own terminals; undefined where there is none, or it did not say. */
  readonly terminals?: EditorTerminals | undefined;
}
