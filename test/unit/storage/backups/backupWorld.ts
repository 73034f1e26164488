import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { systemClock, type Clock } from '../../../../server/src/base/clock.ts';
import { nodeFileSystem, type FileSystem } from '../../../../server/src/base/fileSystem.ts';
import { createProcessTable, type ProcessTable } from '../../../../server/src/base/processTable.ts';
import { BackupService, type Wanted } from '../../../../server/src/storage/backups/backupService.ts';
import { replacedRoots } from '../../../../server/src/storage/backups/backupManifest.ts';
import type { RetentionLimits } from '../../../../server/src/storage/backups/backupRetention.ts';
import { StorageGate } from '../../../../server/src/storage/backups/storageGate.ts';
import { RecordedAudit } from '../../../support/recordedAudit.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';

const never = new AbortController().signal;

/** A service on a data folder, as a server has one, with nothing open in it. */
export function backupServiceOn(
  dataFolder: string,
  parts: {
    fileSystem?: FileSystem;
    processes?: ProcessTable;
    clock?: Clock;
    limits?: RetentionLimits;
    gate?: StorageGate;
    closeConversations?: () => Promise<void>;
    refuseWhileBusy?: () => void;
  } = {},
) {
  const { logger, lines } = recordingLogger();
  const troubles: (string | undefined)[] = [];
  const audit = new RecordedAudit();
  const service = new BackupService({
    dataFolder,
    productVersion: '1.2.3',
    fileSystem: nodeFileSystem,
    processes: createProcessTable(),
    clock: systemClock,
    gate: new StorageGate(systemClock),
    closeConversations: () => Promise.resolve(),
    refuseWhileBusy: () => undefined,
    audit,
    logger,
    onTrouble: (message) => troubles.push(message),
    ...parts,
  });
  return {
    service,
    lines,
    troubles,
    audit,
    create: (reason: Parameters<BackupService['create']>[0] = 'manual') => service.create(reason, { signal: never }),
    verify: (id?: string) => service.verify(id, { signal: never }),
    restore: (id: string, more: Omit<Wanted, 'id'> = {}) => service.restore({ id, ...more }, { signal: never }),
    compare: (id: string, more: Omit<Wanted, 'id'> = {}) => service.compare({ id, ...more }, { signal: never }),
  };
}

/** Writes files, given by their paths relative to `folder`. */
export function writeTree(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [relative, content] of Object.entries(files)) {
    const file = path.join(folder, relative);
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, content, { mode: 0o600 });
  }
}

/** What of a data folder a restore has to replace: the SHA-256 of each file by its path. */
export function savedState(dataFolder: string, roots = replacedRoots as readonly string[]): Record<string, string> {
  const state: Record<string, string> = {};
  const walk = (relative: string): void => {
    const file = path.join(dataFolder, relative);
    if (!existsSync(file)) return;
    if (!statSync(file).isDirectory()) state[relative] = createHash('sha256').update(readFileSync(file)).digest('hex');
    else for (const name of readdirSync(file).sort()) if (!/\.lock-|\.tmp$/.test(name)) walk(`${relative}/${name}`);
  };
  for (const root of roots) walk(root);
  return state;
}

/** Every file below a folder, relative to it. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}
