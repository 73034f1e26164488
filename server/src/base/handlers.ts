import type {
  ClientNotification,
  ClientToServerMethod,
  ParamsOf,
  ParsedParamsOf,
  ResultOf,
  ServerNotification,
  ServerToClientMethod,
} from '../../protocol/contract.ts';
import type { GrantedScope } from '../../protocol/declaration.ts';
import type { Disposable } from './disposable.ts';

/** The client that a request came from, as a handler sees it: whatever the transport is. */
export interface Client {
  /** Unique within this server process. */
  readonly id: string;
  /**
   * `editor`: answers `editor/*` and `secret/*`. `http`: one call, to which nothing can be told unasked. `eventStream`: is told
   * and asks nothing.
   */
  readonly kind: 'editor' | 'lsp' | 'http' | 'eventStream' | 'webSocket' | 'commandLine';
  /** What it may ask for. Who has started this process may ask for all. */
  readonly scope: GrantedScope;
  /** Which token it has shown, where it had to show one; never the token itself. Clients with the same share their limits. */
  readonly tokenId?: string;
  /**
   * Sends a notification; dropped without a trace if the client is gone. Bytes in `params` are valid during the call
   * only: a client that does not write them out at once copies them. Nobody changes `params` afterwards.
   */
  notify<M extends ServerNotification>(method: M, params: ParamsOf<M>): void;
  /** Asks the client. Rejects with a `CodedError`: `TimedOut`, `Cancelled`, `Unavailable`, or the client's own. */
  request<M extends ServerToClientMethod>(method: M, params: ParamsOf<M>, signal?: AbortSignal): Promise<ResultOf<M>>;
  /** Called once when the client has gone; at once if it has gone already. */
  onClosed(listener: () => void): Disposable;
}

export interface RequestContext {
  readonly client: Client;
  /** Aborted when the caller cancels or goes away, and when the method's time limit is over. */
  readonly signal: AbortSignal;
  /** Stands in every log line about this request, and in the error if it fails. */
  readonly correlationId: string;
}

/**
 * One function for each request and notification that clients send, by name. `Handlers<typeof terminal>` is what a
 * service offers for the group `terminal` of the contract.
 */
export type Handlers<Group> = {
  readonly [M in Extract<keyof Group, ClientToServerMethod>]: (
    params: ParsedParamsOf<M>,
    context: RequestContext,
  ) => Promise<ResultOf<M>> | ResultOf<M>;
} & {
  readonly [M in Extract<keyof Group, ClientNotification>]: (
    params: ParsedParamsOf<M>,
    context: RequestContext,
  ) => Promise<void> | void;
};
