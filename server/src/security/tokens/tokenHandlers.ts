import type { security } from '../../../protocol/security.ts';
import type { Handlers } from '../../base/handlers.ts';
import type { AuditService } from '../audit/auditService.ts';
import { mainId } from './recordReader.ts';
import { drawToken } from './tokenRecord.ts';
import type { TokenStore } from './tokenStore.ts';

/**
 * What an administrator may do with the tokens of the data folder. What cannot be done is refused before anything is
 * recorded, so that no record tells of it.
 */
export function createTokenHandlers(
  tokens: TokenStore,
  audit: Pick<AuditService, 'record'>,
): Handlers<typeof security> {
  const record = (outcome: string, details: Readonly<Record<string, unknown>>): Promise<void> =>
    audit.record({ kind: 'token.changed', outcome, details });
  return {
    'security/tokens': async () => ({ tokens: await tokens.list() }),
    'security/issue': async (params) => {
      await tokens.refuseIfFull();
      const drawn = drawToken();
      await record('issued', { ...params, tokenId: drawn.id });
      return tokens.issue(params, drawn);
    },
    'security/rotate': async ({ tokenId }) => {
      await tokens.refuseUnlessRotatable(tokenId);
      const drawn = drawToken();
      // That of the data folder keeps its id.
      await record('rotated', { tokenId, newTokenId: tokenId === mainId ? mainId : drawn.id });
      return tokens.rotate(tokenId, drawn);
    },
    'security/revoke': async ({ tokenId }) => {
      await tokens.revocable(tokenId);
      await record('revoked', { tokenId });
      await tokens.revoke(tokenId);
      return {};
    },
  };
}
