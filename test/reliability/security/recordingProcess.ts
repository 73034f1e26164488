import { writeSync } from 'node:fs';
import { systemClock } from '../../../server/src/base/clock.ts';
import { nodeFileSystem } from '../../../server/src/base/fileSystem.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { createProcessTable } from '../../../server/src/base/processTable.ts';
import { AuditChain } from '../../../server/src/security/audit/auditChain.ts';
import { AuditService } from '../../../server/src/security/audit/auditService.ts';
import { loadSigningKey } from '../../../server/src/security/audit/signingKey.ts';
import { noEditor } from '../../unit/security/audit/auditFixture.ts';

/**
 * Records commands until it is killed, and says on stdout, by a write that has happened when it returns, which of them
 * may run. Arguments: folder of the audit log, number of the round.
 */
const [folder = '', round = ''] = process.argv.slice(2);
const logger = createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn');
const clock = systemClock;
const chain = new AuditChain({
  ...{ folder, clock, logger, fileSystem: nodeFileSystem, processes: createProcessTable() },
  instanceId: round.padStart(12, '0'),
  version: '1.0.0',
  loadKey: () => loadSigningKey({ folder, secrets: noEditor, clock, logger }),
  setting: () => ({}),
  knownSecrets: () => [],
  maxFileBytes: 20_000,
});
const health = { setComponent: (name: string, status: string) => writeSync(2, `${name} ${status}\n`) };
const service = new AuditService({ chain, clock, logger, health });

async function recordForEver(writer: number): Promise<void> {
  for (let number = 0; ; number += 1) {
    const commandLine = `round ${round} writer ${writer} number ${number} ${'x'.repeat((number * 37) % 2_000)}`;
    await service.record({ kind: 'command.run', details: { commandLine } });
    writeSync(1, `allowed ${commandLine}\n`);
  }
}
await Promise.all([1, 2, 3].map(recordForEver));
