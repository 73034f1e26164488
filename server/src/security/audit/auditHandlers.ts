import type { audit } from '../../../protocol/audit.ts';
import type { FileSystem } from '../../base/fileSystem.ts';
import type { Flights } from '../../base/flights.ts';
import type { Handlers } from '../../base/handlers.ts';
import { queryAudit } from './auditQuery.ts';
import type { AuditRetention } from './auditRetention.ts';
import { verifyAudit, type AuditVerdict } from './auditVerifier.ts';

/** Answers the contract's group `audit`. */
export function createAuditHandlers(options: {
  readonly folder: string;
  readonly fileSystem: FileSystem;
  readonly retention: Pick<AuditRetention, 'delete'>;
  /** The verification that runs: the whole log is read once for all who ask meanwhile, and no longer than one of them waits. */
  readonly verifications: Flights<AuditVerdict>;
}): Handlers<typeof audit> {
  const { folder, fileSystem, retention, verifications } = options;
  const verify = (signal: AbortSignal): Promise<AuditVerdict> => verifyAudit({ folder, fileSystem, signal });
  return {
    'audit/query': (query, { signal }) => queryAudit({ folder, fileSystem }, query, signal),
    'audit/verify': async (_params, { signal }) => {
      const { isIntact, firstBad, problems, notes, ...counts } = await verifications.join('all', verify, signal);
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
