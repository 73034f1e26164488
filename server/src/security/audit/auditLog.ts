import * as path from 'node:path';
import type { audit } from '../../../protocol/audit.ts';
import type { WorkspaceState } from '../../../protocol/server.ts';
import type { Settings, SettingKey } from '../../../protocol/settings.ts';
import type { Clock } from '../../base/clock.ts';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { nodeFileSystem } from '../../base/fileSystem.ts';
import { Flights } from '../../base/flights.ts';
import type { Handlers } from '../../base/handlers.ts';
import type { HiddenValues } from '../../base/hiddenValues.ts';
import type { Logger } from '../../base/logger.ts';
import { createProcessTable } from '../../base/processTable.ts';
import { secretsOf } from '../../base/secretNames.ts';
import { AuditChain } from './auditChain.ts';
import { auditChanges, ownSettings } from './auditedChanges.ts';
import { createAuditHandlers } from './auditHandlers.ts';
import { AuditRetention } from './auditRetention.ts';
import { AuditService } from './auditService.ts';
import type { AuditVerdict } from './auditVerifier.ts';
import type { HealthReport, SecretStore } from './ports.ts';
import { loadSigningKey } from './signingKey.ts';

export interface AuditLogOptions {
  readonly dataFolder: string;
  readonly instanceId: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly secrets: SecretStore & {
    /** Those that are in memory now. */
    knownValues(): readonly string[];
    onChanged(listener: (name: string) => void): Disposable;
  };
  /** Further secrets that are kept out of every record. */
  readonly hidden: Pick<HiddenValues, 'values'>;
  readonly settings: {
    readonly snapshot: Settings;
    get<K extends SettingKey>(key: K): Settings[K];
    onChanged(listener: (settings: Settings) => void): Disposable;
  };
  readonly workspace: { onChanged(listener: (state: WorkspaceState) => void): Disposable };
  readonly health: HealthReport;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The audit log of one server, its parts joined. */
export interface AuditLog {
  readonly trail: AuditService;
  readonly handlers: Handlers<typeof audit>;
  /** Ends the chain; for at most 10 s. */
  dispose(): Promise<void>;
}

/** Folder of the audit log in a data folder. */
export function auditFolderOf(dataFolder: string): string {
  return path.join(dataFolder, 'audit');
}

/** Joins the parts. Nothing is written before the first event. */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { dataFolder, instanceId, version, environment, secrets, hidden } = options;
  const { settings, workspace, health, clock, logger } = options;
  const folder = auditFolderOf(dataFolder);
  const fileSystem = nodeFileSystem;
  const processes = createProcessTable();
  const store = new DisposableStore();
  const ofEnvironment = secretsOf(environment);
  const chain = new AuditChain({
    ...{ folder, instanceId, version, processes, fileSystem, clock, logger },
    loadKey: () => loadSigningKey({ folder, secrets, clock, logger }),
    setting: () => ownSettings(settings.snapshot),
    knownSecrets: () => [...hidden.values, ...ofEnvironment, ...secrets.knownValues()],
  });
  const trail = new AuditService({ chain, health, clock, logger });
  store.add(auditChanges(trail, { settings, workspace, secrets }));
  const retention = store.add(
    new AuditRetention({ folder, service: trail, settings, processes, fileSystem, clock, logger }),
  );
  const verifications = store.add(new Flights<AuditVerdict>());
  return {
    trail,
    handlers: createAuditHandlers({ folder, fileSystem, retention, verifications }),
    dispose() {
      store.dispose();
      return trail.dispose();
    },
  };
}
