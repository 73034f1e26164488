import type { SettingKey, Settings } from '../../protocol/settings.ts';
import type { Disposable } from '../base/disposable.ts';

/** The settings in force, and when they change. */
export interface SettingsSource {
  get<K extends SettingKey>(key: K): Settings[K];
  onChanged(listener: () => void): Disposable;
}

/** Where trouble with the disk is told, so that a person sees it in the status bar. */
export interface HealthReporter {
  setComponent(name: string, status: 'ready' | 'degraded', message?: string): void;
}
