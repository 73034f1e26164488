import type { ParamsOf, ServerNotification } from '../../protocol/contract.ts';
import type { Client } from './handlers.ts';

/** The clients that are attached now, for what concerns them all. */
export class ClientRegistry {
  private readonly clients = new Set<Client>();

  get size(): number {
    return this.clients.size;
  }

  /** Adds `client` until it closes. */
  add(client: Client): void {
    this.clients.add(client);
    client.onClosed(() => this.clients.delete(client));
  }

  notifyAll<M extends ServerNotification>(method: M, params: ParamsOf<M>): void {
    for (const client of this.clients) client.notify(method, params);
  }
}
