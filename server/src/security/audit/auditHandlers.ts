import type { audit } from '../../../protocol/audit.ts';
import type { FileSystem } from '../../base/fileSystem.ts';
import type { Handlers } from '../../base/handlers.ts';
import { queryAudit } from './auditQuery.ts';
import type { AuditRetention } from './auditRetention.ts';
import { verifyAudit } from './auditVerifier.ts';

/** Answers the contract's group `audit`. */
export function createAuditHandlers(options: {
  readonly folder: string;
  readonly fileSystem: FileSystem;
  readonly retention: AuditRetention;
}): Handlers<typeof audit> {
  const { folder, fileSystem, retention } = options;
  return {
    'audit/query': (query, { signal }) => queryAudit({ folder, fileSystem }, query, signal),
    'audit/verify': async (_params, { signal }) => {
      const { isIntact, firstBad, problems, notes, ...counts } = await verifyAudit({ folder, fileSystem, signal });
      return {
        ...counts,
        keys: [...counts.keys],
        intact: isIntact,
        firstBad: firstBad ?? null,
        problems: problems.length,
        notes: notes.slice(0, 100),
      };
    },
    'audit/delete': ({ before }) => retention.delete(Date.parse(before), 'person'),
  };
}
