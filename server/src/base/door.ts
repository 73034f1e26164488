import type { GrantedScope } from '../../protocol/declaration.ts';

/** What is looked at of a request before anything of its body is read. Headers that stand twice are given twice. */
export interface DoorRequest {
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  readonly authorizations: readonly string[];
  /** Where a browser's WebSocket puts its token: `bearer.<token>` among the subprotocols. */
  readonly subprotocols: readonly string[];
  readonly remoteAddress: string;
  /** That is listened on. */
  readonly port: number;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
}

/** Why somebody is not let in, and what to do about it. */
export interface DoorRefusal {
  readonly reason: 'BadHost' | 'BadOrigin' | 'Unauthenticated' | 'RateLimited';
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** As it is told: whole seconds, after which the time is over. */
export function retryAfterSeconds(retryAfterMs: number): number {
  return Math.ceil(retryAfterMs / 1000);
}

/** The id of the data folder's own token. */
export const mainId = 'dataFolder';

/** Who has shown a token that holds. */
export interface Bearer {
  readonly tokenId: string;
  /** For people: what the token was made for. */
  readonly name: string;
  readonly scope: GrantedScope;
  /** Whether it is the data folder's own token, which its owner alone can read. */
  readonly isOwner: boolean;
  /** Of the token that was shown, by which it is told from the one that may follow it under the same id. */
  readonly digest: string;
}

/** With whom clients speak over TLS: a certificate chain and its key, which fit one another, both in PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}
