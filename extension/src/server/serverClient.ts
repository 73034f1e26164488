import type {
  ClientNotification,
  ClientToServerMethod,
  ParamsOf,
  ResultOf,
  ServerNotification,
} from '../../../server/protocol/contract.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import { isCodedError } from '../codedError.ts';
import { delay, type Clock } from '../base/clock.ts';
import { DisposableStore, toDisposable, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import { describeError, logFailure, type Log } from '../log.ts';
import type { Cancellation, RunningServer } from './runningServer.ts';
import type { ServerSupervisor } from './serverSupervisor.ts';

export interface RequestOptions {
  readonly cancellation?: Cancellation;
  /** For a server that is starting or restarting: how long to wait for it. 10 seconds if left out. */
  readonly waitMs?: number;
  /** For the answer. The server has limits of its own, of which the longest ordinary one is 30 s; 35 s if left out. */
  readonly timeoutMs?: number;
}

/**
 * Requests that may be sent again when the server died over them: asking twice does no harm. All others reject then,
 * since whether they took effect is unknown.
 */
const repeatable: ReadonlySet<ClientToServerMethod> = new Set<ClientToServerMethod>([
  'server/health',
  'server/info',
  'server/capabilities',
  'terminal/list',
  'terminal/attach',
  'terminal/resize',
  'session/list',
  'conversation/search',
  'conversation/usage',
  'session/attach',
  'session/events',
  'session/commands',
  'model/list',
  'model/status',
]);

/** The end of a connection may be noticed before the end of its process is, but not by much. */
const exitNoticeMs = 500;
const defaultWaitMs = 10_000;
const defaultTimeoutMs = 35_000;

type Received = { [M in ServerNotification]: { readonly method: M; readonly params: ParamsOf<M> } }[ServerNotification];

/** What the rest of the extension asks: typed by the contract, and aware that the server may be down for a moment. */
export class ServerClient implements Disposable {
  private readonly supervisor: ServerSupervisor;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly disposables = new DisposableStore();
  private readonly received: Emitter<Received>;
  private readonly generations: Emitter<number>;
  private generation = 0;
  private subscription: Disposable | undefined;

  constructor(supervisor: ServerSupervisor, clock: Clock, log: Log) {
    this.supervisor = supervisor;
    this.clock = clock;
    this.log = log;
    const report = (error: unknown): void => log.error(`A listener of the server failed: ${describeError(error)}`);
    this.received = this.disposables.add(new Emitter<Received>(report));
    this.generations = this.disposables.add(new Emitter<number>(report));
    this.disposables.add(supervisor.onChanged(({ generation }) => this.follow(generation)));
    this.disposables.add(toDisposable(() => this.subscription?.dispose()));
  }

  /**
   * Sends a request. A server that is down is waited for. One that dies while it works on the request is waited for too
   * where asking again does no harm; else this rejects with `Unavailable`.
   */
  async request<M extends ClientToServerMethod>(
    method: M,
    params: ParamsOf<M>,
    options: RequestOptions = {},
  ): Promise<ResultOf<M>> {
    const waitMs = options.waitMs ?? defaultWaitMs;
    const waitUntil = this.clock.now() + waitMs;
    for (;;) {
      const server = await this.supervisor.whenUsable(Math.max(waitUntil - this.clock.now(), 0));
      try {
        return await this.send(server, { method, params, options });
      } catch (error) {
        const mayRepeat = repeatable.has(method) && this.clock.now() < waitUntil;
        if (!mayRepeat || !isUnavailable(error) || !(await this.endsSoon(server))) throw error;
        this.log.info(`The server ended while it worked on ${method}, which is sent again.`);
      }
    }
  }

  /** Sends a notification, or drops it if no server runs: whatever it told, the next server learns at its start. */
  notify<M extends ClientNotification>(method: M, params: ParamsOf<M>): void {
    const server = this.supervisor.usableServer;
    if (server) logFailure(this.log, `Sending ${method}`, server.notify(method, params));
  }

  /** Listens to one notification, of this server process and of those after it. */
  onNotification<M extends ServerNotification>(method: M, listener: (params: ParamsOf<M>) => void): Disposable {
    return this.received.on((message) => {
      if (message.method === method) listener(message.params as ParamsOf<M>);
    });
  }

  /** Listens to all notifications. */
  onAnyNotification(listener: (message: Received) => void): Disposable {
    return this.received.on(listener);
  }

  /** Called when a new server process can be used: what was attached at the last one must be attached again. */
  onNewServer(listener: (generation: number) => void): Disposable {
    return this.generations.on(listener);
  }

  dispose(): void {
    this.disposables.dispose();
  }

  private async send<M extends ClientToServerMethod>(
    server: RunningServer,
    { method, params, options }: { method: M; params: ParamsOf<M>; options: RequestOptions },
  ): Promise<ResultOf<M>> {
    const waiting = this.supervisor.requestBegan();
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const limit = Promise.withResolvers<never>();
    const timer = this.clock.after(timeoutMs, () =>
      limit.reject(new CodedError('TimedOut', `The server did not answer ${method} within ${timeoutMs / 1000} s.`)),
    );
    try {
      return (await Promise.race([server.request(method, params, options.cancellation), limit.promise])) as ResultOf<M>;
    } finally {
      timer.dispose();
      waiting.dispose();
    }
  }

  private async endsSoon(server: RunningServer): Promise<boolean> {
    const settled = new AbortController();
    await Promise.race([server.exited, delay(this.clock, exitNoticeMs, settled.signal)]);
    settled.abort();
    return server.hasEnded;
  }

  private follow(generation: number): void {
    const server: RunningServer | undefined = this.supervisor.usableServer;
    if (!server || generation === this.generation) return;
    this.generation = generation;
    this.subscription?.dispose();
    this.subscription = server.onNotification((method, params) => this.received.fire({ method, params }));
    this.generations.fire(generation);
  }
}

function isUnavailable(error: unknown): boolean {
  return isCodedError(error) && error.reason === 'Unavailable';
}
