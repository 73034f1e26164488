import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { systemClock, type Clock } from '../../../../server/src/base/clock.ts';
import { nodeFileSystem, type FileSystem } from '../../../../server/src/base/fileSystem.ts';
import { createProcessTable, type ProcessTable } from '../../../../server/src/base/processTable.ts';
import { AuditChain } from '../../../../server/src/security/audit/auditChain.ts';
import { AuditService } from '../../../../server/src/security/audit/auditService.ts';
import { verifyAudit, type AuditVerdict } from '../../../../server/src/security/audit/auditVerifier.ts';
import { loadSigningKey } from '../../../../server/src/security/audit/signingKey.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

interface ServerParts {
  readonly fileSystem?: FileSystem;
  readonly clock?: Clock;
  readonly maxFileBytes?: number;
  readonly processes?: ProcessTable;
  readonly setting?: Readonly<Record<string, unknown>>;
  readonly knownSecrets?: readonly string[] | (() => readonly string[]);
}

/** An editor's secret storage; without it there is no editor. */
export const noEditor = {
  canKeep: false,
  get: () => Promise.resolve(null),
  set: () => Promise.reject(new Error('There is no editor.')),
};

/** An audit folder of a test's own, and the logs of servers on it. */
export class AuditFixture {
  readonly folder: string;
  readonly health: { name: string; status: string; message?: string }[] = [];
  readonly lines: string[];
  readonly logger;
  private readonly home = temporaryFolder();
  private readonly services: AuditService[] = [];
  private servers = 0;

  constructor() {
    this.folder = path.join(this.home.path, 'audit');
    const { logger, lines } = recordingLogger();
    this.logger = logger;
    this.lines = lines;
  }

  /** The log of one more server. */
  server(parts: ServerParts = {}): AuditService {
    const { fileSystem = nodeFileSystem, clock = systemClock, processes = createProcessTable() } = parts;
    const { knownSecrets = [] } = parts;
    const { folder, logger } = this;
    const chain = new AuditChain({
      ...{ folder, fileSystem, clock, logger, processes },
      instanceId: String((this.servers += 1)).padStart(12, '0'),
      version: '1.0.0',
      loadKey: () => loadSigningKey({ folder, secrets: noEditor, clock, logger }),
      setting: () => parts.setting ?? {},
      knownSecrets: () => (typeof knownSecrets === 'function' ? knownSecrets() : knownSecrets),
      ...(parts.maxFileBytes !== undefined && { maxFileBytes: parts.maxFileBytes }),
    });
    const service = new AuditService({
      ...{ chain, clock, logger },
      health: {
        setComponent: (name, status, message) =>
          this.health.push({ name, status, ...(message !== undefined && { message }) }),
      },
    });
    this.services.push(service);
    return service;
  }

  /** A chain that has ended, with so many commands in it. Answers the names of its files. */
  async written(count: number, parts: ServerParts = {}): Promise<string[]> {
    const before = new Set(this.chains());
    const service = this.server(parts);
    for (let index = 0; index < count; index += 1) await service.record(command(`echo ${index}`));
    await service.dispose();
    return this.chains().filter((name) => !before.has(name));
  }

  verify(trustedKeys?: readonly string[], signal = new AbortController().signal): Promise<AuditVerdict> {
    const { folder } = this;
    return verifyAudit({ folder, fileSystem: nodeFileSystem, signal, ...(trustedKeys && { trustedKeys }) });
  }

  /** Names of the files of chains, the earliest first. */
  chains(): string[] {
    return this.list('').filter((name) => name.endsWith('.jsonl'));
  }

  list(inside: string): string[] {
    try {
      return readdirSync(path.join(this.folder, inside)).sort();
    } catch {
      // Before the first record there is no folder.
      return [];
    }
  }

  path(name: string): string {
    return path.join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  write(name: string, data: string | Uint8Array): void {
    writeFileSync(this.path(name), data);
  }

  linesOf(name: string): string[] {
    return this.read(name).toString('utf8').split('\n').slice(0, -1);
  }

  records(
    name: string,
  ): { kind: string; sequence: number; at: string; actor: object; details: Record<string, unknown> }[] {
    return this.linesOf(name).map((line) => JSON.parse(line) as never);
  }

  /** Ends the logs of all servers. */
  async close(): Promise<void> {
    await Promise.all(this.services.map((service) => service.dispose()));
  }

  async remove(): Promise<void> {
    await this.close();
    this.home.remove();
  }
}

export function command(commandLine: string) {
  return { kind: 'command.run', details: { commandLine } } as const;
}
