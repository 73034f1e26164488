import type { security } from '../../../protocol/security.ts';
import type { Handlers } from '../../base/handlers.ts';
import type { TokenStore } from './tokenStore.ts';

/** What an administrator may do with the tokens of the data folder. */
export function createTokenHandlers(tokens: TokenStore): Handlers<typeof security> {
  return {
    'security/tokens': async () => ({ tokens: await tokens.list() }),
    'security/issue': (params) => tokens.issue(params),
    'security/rotate': ({ tokenId }) => tokens.rotate(tokenId),
    'security/revoke': async ({ tokenId }) => {
      await tokens.revoke(tokenId);
      return {};
    },
  };
}
