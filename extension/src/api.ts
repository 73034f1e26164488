import type { ClientToServerMethod, ParamsOf, ResultOf, ServerNotification } from '../../server/protocol/contract.ts';
import { DisposableStore, type Disposable } from './base/disposable.ts';
import { Emitter } from './base/emitter.ts';
import { describeError, type Log } from './log.ts';
import type { ServerClient } from './server/serverClient.ts';
import type { TerminalHub } from './terminals/terminalHub.ts';
import { TerminalWatches, type TerminalEvent } from './terminals/terminalWatches.ts';

/** What `activate` gives to other extensions. */
export interface AssistantApi {
  /** The extension's version. */
  readonly version: string;
  /** Calls a method of the contract, waiting for the server if it is starting. Rejects with a `CodedError`. */
  request<M extends ClientToServerMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  /** Listens to a notification of the contract. What was attached stays so when the server is restarted. */
  onNotification<M extends ServerNotification>(method: M, listener: (params: ParamsOf<M>) => void): Disposable;
}

/** The API and what it holds. */
export interface ApiHost extends Disposable {
  readonly api: AssistantApi;
}

const watchEvents: ReadonlySet<string> = new Set<TerminalEvent['method']>([
  'terminal/output',
  'terminal/gap',
  'terminal/exited',
]);

/**
 * Makes the API. The server knows the window as one client with one attachment a terminal, so the API's attachments
 * join those of the window's own views. A terminal is acknowledged by itself once its listeners were called.
 */
export function createApi(version: string, services: { client: ServerClient; hub: TerminalHub; log: Log }): ApiHost {
  const { client, hub, log } = services;
  const store = new DisposableStore();
  const events = store.add(
    new Emitter<TerminalEvent>((error) => log.error(`A listener of the API failed: ${describeError(error)}`)),
  );
  const watches = store.add(
    new TerminalWatches(hub, (event) => {
      events.fire(event);
      if (event.method !== 'terminal/output') return;
      const { sessionId, offset, data } = event.params;
      if (data instanceof Uint8Array) watches.acknowledge({ sessionId, offset: offset + data.byteLength });
    }),
  );
  const request = async (method: ClientToServerMethod, params: object): Promise<unknown> => {
    if (method === 'terminal/attach') return watches.attach(params);
    if (method === 'terminal/detach') return watches.detach(params);
    return client.request(method, params);
  };
  const onNotification = (method: ServerNotification, listener: (params: unknown) => void): Disposable =>
    watchEvents.has(method)
      ? events.on((event) => {
          if (event.method === method) listener(event.params);
        })
      : client.onNotification(method, listener);
  const api: AssistantApi = {
    version,
    request: request as AssistantApi['request'],
    onNotification: onNotification as AssistantApi['onNotification'],
  };
  return { api, dispose: () => store.dispose() };
}
