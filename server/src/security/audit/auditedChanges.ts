import { isDeepStrictEqual } from 'node:util';
import type { WorkspaceState } from '../../../protocol/server.ts';
import { settingKeys, readSettings, type Settings } from '../../../protocol/settings.ts';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import type { AuditService } from './auditService.ts';

interface Changing<T> {
  onChanged(listener: (value: T) => void): Disposable;
}

/** The settings that differ from `from`, each as it was and as it is. */
export function changedSettings(from: Settings, to: Settings): Record<string, { from: unknown; to: unknown }> {
  const changed = settingKeys.filter((key) => !isDeepStrictEqual(from[key], to[key]));
  return Object.fromEntries(changed.map((key) => [key, { from: from[key], to: to[key] }]));
}

/** The settings that are not at their default. */
export function ownSettings(current: Settings): Record<string, unknown> {
  const defaults = readSettings({}).settings;
  return Object.fromEntries(
    settingKeys.filter((key) => !isDeepStrictEqual(current[key], defaults[key])).map((key) => [key, current[key]]),
  );
}

/**
 * Records what a client changes while the server runs: settings, secrets by name, which folders are open and whether
 * they are trusted. What holds at the beginning stands in the first record of the chain.
 */
export function auditChanges(
  audit: Pick<AuditService, 'tell'>,
  sources: {
    readonly settings: Changing<Settings>;
    readonly workspace: Changing<WorkspaceState>;
    readonly secrets: Changing<string>;
  },
): Disposable {
  const store = new DisposableStore();
  let settings: Settings | undefined;
  let trust: string | undefined;
  store.add(
    sources.settings.onChanged((now) => {
      const changed = settings === undefined ? {} : changedSettings(settings, now);
      settings = now;
      if (Object.keys(changed).length > 0) audit.tell({ kind: 'setting.changed', details: { changed } });
    }),
  );
  store.add(
    sources.workspace.onChanged(({ folders, trusted }) => {
      const details = { folders: folders.map((folder) => folder.path), trusted };
      const now = JSON.stringify(details);
      if (trust !== undefined && now !== trust) audit.tell({ kind: 'trust.changed', details });
      trust = now;
    }),
  );
  store.add(sources.secrets.onChanged((name) => audit.tell({ kind: 'secret.changed', details: { name } })));
  return store;
}
