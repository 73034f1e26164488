import type { ClientToServerMethod, ParamsOf, ResultOf, ServerNotification } from '../../server/protocol/contract.ts';
import type { Disposable } from './base/disposable.ts';
import type { ServerClient } from './server/serverClient.ts';

/** What `activate` gives to other extensions. */
export interface AssistantApi {
  /** The extension's version. */
  readonly version: string;
  /** Calls a method of the contract, waiting for the server if it is starting. Rejects with a `CodedError`. */
  request<M extends ClientToServerMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  /** Listens to a notification of the contract. */
  onNotification<M extends ServerNotification>(method: M, listener: (params: ParamsOf<M>) => void): Disposable;
}

/** The API over `client`, without anything else of it. */
export function createApi(version: string, client: ServerClient): AssistantApi {
  return {
    version,
    request: (method, params) => client.request(method, params),
    onNotification: (method, listener) => client.onNotification(method, listener),
  };
}
