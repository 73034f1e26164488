import { CodedError } from '../../../protocol/errors.ts';
import type { security } from '../../../protocol/security.ts';
import { mainId } from '../../base/door.ts';
import type { Client, Handlers } from '../../base/handlers.ts';
import type { AuditService } from '../audit/auditService.ts';
import { OneAfterAnother } from './oneAfterAnother.ts';
import { drawToken } from './tokenRecord.ts';
import type { TokenStore } from './tokenStore.ts';

/** Far more than one person or script asks for at once. */
const maxWaiting = 200;

/** A change of a token as the audit log tells it. */
interface TokenChange {
  readonly outcome: 'issued' | 'rotated' | 'revoked';
  readonly details: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/**
 * What an administrator may do with the tokens of the data folder, one change after another. What cannot be done is refused
 * before anything is recorded, so that no record tells of it. Where another process, or the disk, thwarts a change between
 * its record and itself, another record with the outcome `failed` says so.
 */
export function createTokenHandlers(
  tokens: TokenStore,
  audit: Pick<AuditService, 'record' | 'tell'>,
): Handlers<typeof security> {
  const changes = new OneAfterAnother(maxWaiting);
  const recorded = async <T>({ outcome, details, signal }: TokenChange, change: () => Promise<T>): Promise<T> => {
    await audit.record({ kind: 'token.changed', outcome, details });
    try {
      // Nobody would have the answer, nor the token in it.
      signal.throwIfAborted();
      return await change();
    } catch (error) {
      const why = error instanceof CodedError ? error.reason : 'Internal';
      audit.tell({ kind: 'token.changed', outcome: 'failed', details: { ...details, what: outcome, why } });
      throw error;
    }
  };
  /** No token that is made with another one outlasts it. */
  const endOf = async ({ tokenId }: Client): Promise<number | undefined> =>
    tokenId === undefined ? undefined : tokens.endOf(tokenId);
  return {
    'security/tokens': async () => ({ tokens: await tokens.list() }),
    'security/issue': (params, { client, signal }) =>
      changes.do(async () => {
        await tokens.refuseIfFull();
        const notAfter = await endOf(client);
        const drawn = drawToken();
        const details = { ...params, tokenId: drawn.id };
        return recorded({ outcome: 'issued', details, signal }, () => tokens.issue(params, drawn, notAfter));
      }, signal),
    'security/rotate': ({ tokenId }, { client, signal }) =>
      changes.do(async () => {
        await tokens.refuseUnlessRotatable(tokenId);
        const notAfter = await endOf(client);
        const drawn = drawToken();
        // That of the data folder keeps its id.
        const details = { tokenId, newTokenId: tokenId === mainId ? mainId : drawn.id };
        return recorded({ outcome: 'rotated', details, signal }, () => tokens.rotate(tokenId, drawn, notAfter));
      }, signal),
    'security/revoke': ({ tokenId }, { signal }) =>
      changes.do(async () => {
        await tokens.revocable(tokenId);
        await recorded({ outcome: 'revoked', details: { tokenId }, signal }, () => tokens.revoke(tokenId));
        return {};
      }, signal),
  };
}
