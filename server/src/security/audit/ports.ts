import type { SettingKey, Settings } from '../../../protocol/settings.ts';

/** Secrets of the attached editor, if there is one, else of this process's environment. */
export interface SecretStore {
  /** Whether an editor is attached, which keeps secrets. */
  readonly canKeep: boolean;
  /** Null if it is not set. Rejects where the editor does not answer. */
  get(name: string): Promise<string | null>;
  set(name: string, value: string): Promise<void>;
}

/** Tells the server's health how the log is. */
export interface HealthReport {
  setComponent(name: string, status: 'ready' | 'degraded', message?: string): void;
}

export interface SettingsSource {
  get<K extends SettingKey>(key: K): Settings[K];
}
