import type { server } from '../../protocol/server.ts';
import type { Handlers } from '../base/handlers.ts';
import type { SecretService } from './secretService.ts';
import type { SettingsService } from './settingsService.ts';
import type { WorkspaceService } from './workspaceService.ts';

type Pushed = Pick<typeof server, 'settings/changed' | 'workspace/changed' | 'secret/changed'>;

/** What clients push: settings, workspace, and that a secret changed. */
export function createSettingsHandlers(services: {
  settings: SettingsService;
  workspace: WorkspaceService;
  secrets: SecretService;
}): Handlers<Pushed> {
  return {
    'settings/changed': ({ settings }) => services.settings.replace(settings),
    'workspace/changed': (state) => services.workspace.replace(state),
    'secret/changed': ({ name }) => services.secrets.forget(name),
  };
}
