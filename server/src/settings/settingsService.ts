import { readSettings, type SettingKey, type Settings } from '../../protocol/settings.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';

/** The settings in force: one whole snapshot at a time, pushed by the editor or read from `settings.json`. */
export class SettingsService implements Disposable {
  private readonly logger: Logger;
  private readonly changed: Emitter<Settings>;
  private current: Settings;

  constructor(logger: Logger) {
    this.logger = logger;
    this.changed = new Emitter((error) => logger.error('A settings listener failed', { error }));
    this.current = readSettings({}).settings;
  }

  /** Replaces the snapshot. Keys that cannot be used are logged and keep their default. */
  replace(input: unknown): void {
    const { settings, warnings } = readSettings(input);
    for (const warning of warnings) this.logger.warn(warning);
    this.current = settings;
    this.changed.fire(settings);
  }

  /** All settings in force. */
  get snapshot(): Settings {
    return this.current;
  }

  get<K extends SettingKey>(key: K): Settings[K] {
    return this.current[key];
  }

  onChanged(listener: (settings: Settings) => void): Disposable {
    return this.changed.on(listener);
  }

  dispose(): void {
    this.changed.dispose();
  }
}
