import type { z } from 'zod';
import type { ErrorReason } from './errors.ts';

/** Who may send a message. */
export type Direction = 'clientToServer' | 'serverToClient';

/**
 * What a caller must hold: `read` is contained in `terminal` and in `agent`, both in `admin`. `none` needs no token.
 */
export type Scope = 'none' | 'read' | 'terminal' | 'agent' | 'admin';

/** What a caller may hold, the least first. */
export const grantedScopes = ['read', 'terminal', 'agent', 'admin'] as const;
export type GrantedScope = (typeof grantedScopes)[number];

const contained: Readonly<Record<GrantedScope, readonly Scope[]>> = {
  read: ['none', 'read'],
  terminal: ['none', 'read', 'terminal'],
  agent: ['none', 'read', 'agent'],
  admin: ['none', 'read', 'terminal', 'agent', 'admin'],
};

/** Whether who holds `held` may do what needs `needed`. */
export function includesScope(held: GrantedScope, needed: Scope): boolean {
  return contained[held].includes(needed);
}

/** The budget that a call counts against. Keystrokes, acknowledgements and health count against none. */
export type Limit = 'none' | 'api' | 'terminal';

export interface RequestDeclaration<
  D extends Direction = Direction,
  P extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
> {
  readonly kind: 'request';
  readonly direction: D;
  /** One sentence for the API reference. */
  readonly summary: string;
  readonly params: P;
  readonly result: R;
  /**
   * Reasons beyond those that any request may answer: InvalidParams, Cancelled, TimedOut, Unavailable, Internal,
   * Forbidden, RateLimited.
   */
  readonly errors: readonly ErrorReason[];
  readonly scope: Scope;
  readonly limit: Limit;
  /** After this long the caller gets `TimedOut` and the handler's signal is aborted. */
  readonly timeoutMs: number;
  /**
   * What a client over plain HTTP uses in its place, where a single answer is of no use: it is not listed there, and is
   * refused as `Unsupported`.
   */
  readonly insteadOverHttp?: string;
}

export interface NotificationDeclaration<D extends Direction = Direction, P extends z.ZodType = z.ZodType> {
  readonly kind: 'notification';
  readonly direction: D;
  readonly summary: string;
  readonly params: P;
  readonly scope: Scope;
  readonly limit: Limit;
}

const defaultTimeoutMs = 10_000;

type RequestOptions<P extends z.ZodType, R extends z.ZodType> = Pick<RequestDeclaration, 'summary' | 'scope'> &
  Partial<Pick<RequestDeclaration, 'errors' | 'limit' | 'timeoutMs' | 'insteadOverHttp'>> & {
    readonly params: P;
    readonly result: R;
  };

/** Declares a request that a client sends and the server answers. */
export function request<P extends z.ZodType, R extends z.ZodType>(
  options: RequestOptions<P, R>,
): RequestDeclaration<'clientToServer', P, R> {
  return {
    kind: 'request',
    direction: 'clientToServer',
    errors: [],
    limit: 'api',
    timeoutMs: defaultTimeoutMs,
    ...options,
  };
}

/** Declares a request that the server sends and an attached client answers. */
export function clientRequest<P extends z.ZodType, R extends z.ZodType>(
  options: Omit<RequestOptions<P, R>, 'scope' | 'limit'>,
): RequestDeclaration<'serverToClient', P, R> {
  return {
    kind: 'request',
    direction: 'serverToClient',
    errors: [],
    limit: 'none',
    scope: 'none',
    timeoutMs: defaultTimeoutMs,
    ...options,
  };
}

/** Declares a message from a client that is not answered. */
export function notification<P extends z.ZodType>(
  options: Omit<NotificationDeclaration<'clientToServer', P>, 'kind' | 'direction' | 'limit'> & { limit?: Limit },
): NotificationDeclaration<'clientToServer', P> {
  return { kind: 'notification', direction: 'clientToServer', limit: 'api', ...options };
}

/** Declares a message from the server that is not answered. */
export function serverNotification<P extends z.ZodType>(
  options: Omit<NotificationDeclaration<'serverToClient', P>, 'kind' | 'direction' | 'scope' | 'limit'>,
): NotificationDeclaration<'serverToClient', P> {
  return { kind: 'notification', direction: 'serverToClient', scope: 'read', limit: 'none', ...options };
}
