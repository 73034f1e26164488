import type { ParamsOf, ServerNotification } from '../../server/protocol/contract.ts';
import type { SessionEvent } from '../../server/protocol/sessionEvents.ts';
import { toDisposable, type Disposable } from '../../server/src/base/disposable.ts';
import type { Client } from '../../server/src/base/handlers.ts';

let clients = 0;

/** A client of the server without a transport: it keeps what it is sent, and closes when told. */
export class TestClient implements Client {
  readonly id = `test-${++clients}`;
  readonly kind: Client['kind'];
  readonly tokenName?: string;
  /** Events of `session/update`, in the order of their arrival. */
  readonly events: SessionEvent[] = [];
  /** Called with each event as it arrives. */
  onEvent: (event: SessionEvent) => void = () => undefined;
  private readonly closeListeners = new Set<() => void>();

  constructor(kind: Client['kind'] = 'lsp', tokenName?: string) {
    this.kind = kind;
    if (tokenName !== undefined) this.tokenName = tokenName;
  }

  /** Listeners that wait for this client to go; tests show with it that nothing leaks. */
  get closeListenerCount(): number {
    return this.closeListeners.size;
  }

  notify<M extends ServerNotification>(method: M, params: ParamsOf<M>): void {
    if (method !== 'session/update') return;
    const event = params as unknown as SessionEvent;
    this.events.push(event);
    this.onEvent(event);
  }

  request(method: string): Promise<never> {
    return Promise.reject(new Error(`This client answers no requests, so not ${method}.`));
  }

  onClosed(listener: () => void): Disposable {
    this.closeListeners.add(listener);
    return toDisposable(() => this.closeListeners.delete(listener));
  }

  /** The client goes away. */
  close(): void {
    for (const listener of [...this.closeListeners]) listener();
  }
}
