import type { security } from '../../../protocol/security.ts';
import type { Handlers } from '../../base/handlers.ts';
import type { AuditService } from '../audit/auditService.ts';
import type { TokenStore } from './tokenStore.ts';

/** What an administrator may do with the tokens of the data folder. */
export function createTokenHandlers(
  tokens: TokenStore,
  audit: Pick<AuditService, 'record'>,
): Handlers<typeof security> {
  const record = (outcome: string, details: Readonly<Record<string, unknown>>): Promise<void> =>
    audit.record({ kind: 'token.changed', outcome, details });
  return {
    'security/tokens': async () => ({ tokens: await tokens.list() }),
    'security/issue': async (params) => {
      await record('issued', { ...params });
      return tokens.issue(params);
    },
    'security/rotate': async ({ tokenId }) => {
      await record('rotated', { tokenId });
      return tokens.rotate(tokenId);
    },
    'security/revoke': async ({ tokenId }) => {
      await record('revoked', { tokenId });
      await tokens.revoke(tokenId);
      return {};
    },
  };
}
