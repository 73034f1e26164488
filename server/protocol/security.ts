import { z } from 'zod';
import { grantedScopes, request } from './declaration.ts';

/** `dataFolder`: the token in the data folder's file `token`. Others: 16 hex digits. */
const tokenId = z
  .string()
  .regex(/^(?:dataFolder|[0-9a-f]{16})$/, 'expected the id of a token, as `tokens list` shows it');

const grantedScope = z.enum(grantedScopes);

const listedToken = z.object({
  tokenId,
  name: z.string(),
  scope: grantedScope,
  /** Milliseconds since 1970; that of the data folder's token is not known. */
  createdAt: z.number().optional(),
  /** Milliseconds since 1970. Left out: it holds until it is revoked or rotated. */
  expiresAt: z.number().optional(),
});
export type ListedToken = z.output<typeof listedToken>;

/** The secret itself, which is shown this once. */
const newToken = z.object({ tokenId, token: z.string(), expiresAt: z.number().optional() });

export const security = {
  'security/tokens': request({
    summary:
      'Lists the tokens with which others may come in: what they may do and until when, never the tokens themselves.',
    params: z.strictObject({}),
    result: z.object({ tokens: z.array(listedToken) }),
    scope: 'admin',
  }),
  'security/issue': request({
    summary:
      'Makes a token for somebody else, limited to a scope and a time, which ends no later than the one that asks for it. It is answered this once.',
    params: z.strictObject({
      /** Who or what it is for. */
      name: z.string().trim().min(1).max(64),
      scope: grantedScope,
      /** A year at most. */
      hours: z.number().positive().max(8_784).default(24),
    }),
    result: newToken,
    errors: ['ResourceLimit'],
    scope: 'admin',
  }),
  'security/rotate': request({
    summary:
      'Replaces a token by a new one with the same name, scope and end, or that of the token that asks for it if that is earlier. The old one is refused from now on, and who came in with ' +
      'it is sent away. The token of the data folder is not answered: read its file again.',
    params: z.strictObject({ tokenId }),
    result: z.object({ ...newToken.shape, token: z.string().optional() }),
    errors: ['NotFound'],
    scope: 'admin',
  }),
  'security/revoke': request({
    summary: 'Ends a token. Who came in with it is sent away. The token of the data folder can only be rotated.',
    params: z.strictObject({ tokenId }),
    result: z.object({}),
    errors: ['NotFound', 'Unsupported'],
    scope: 'admin',
  }),
} as const;
