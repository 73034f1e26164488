import type { ParamsOf, ParsedParamsOf, ResultOf, ServerNotification } from '../../../server/protocol/contract.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import type {
  HostAction,
  HostToView,
  MethodForViews,
  NotificationForViews,
  ServerState,
} from '../../../server/protocol/panelBridge.ts';
import { t } from '../strings.ts';
import type { Disposable } from './disposable.ts';
import type { Host, HostContext, HostWish } from './host.ts';

/** Longer than the server's own limits, which answer first; this one covers an extension host that never answers. */
const defaultTimeoutMs = 40_000;
const maxPendingRequests = 256;

export interface RequestOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface PendingRequest {
  /** The server process that will have to answer. */
  readonly generation: number;
  settle(): void;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * Requests, notifications and actions over a `Host`. Every request ends: with its answer, after its time limit, when
 * its signal is aborted, when the server process that owed the answer was replaced, or when the bridge is disposed.
 */
export class Bridge implements Disposable {
  private readonly host: Host;
  private readonly subscription: Disposable;
  private readonly pending = new Map<number, PendingRequest>();
  private readonly notificationListeners = new Map<string, Set<(params: unknown) => void>>();
  private readonly contextListeners = new Set<(context: HostContext) => void>();
  private readonly wishListeners = new Set<(wish: HostWish) => void>();
  private lastContext: HostContext | null = null;
  private nextId = 1;
  private disposed = false;

  constructor(host: Host) {
    this.host = host;
    this.subscription = host.onMessage((message) => this.receive(message));
  }

  /** The latest context, or null before the extension host has answered `ready`. */
  get context(): HostContext | null {
    return this.lastContext;
  }

  /** Requests that still wait for their answer. */
  get pendingCount(): number {
    return this.pending.size;
  }

  /** Tells the extension host that the view listens; it answers with the context. */
  announceReady(): void {
    this.host.post({ kind: 'ready' });
  }

  /** Calls a server method. Rejects with a `CodedError` whose message is a sentence for the person. */
  request<M extends MethodForViews>(
    method: M,
    params: ParamsOf<M>,
    options: RequestOptions = {},
  ): Promise<ResultOf<M>> {
    const { timeoutMs = defaultTimeoutMs, signal } = options;
    if (this.disposed) return Promise.reject(new CodedError('Unavailable', t('error.viewClosed')));
    if (signal?.aborted === true) return Promise.reject(new CodedError('Cancelled', t('error.cancelled')));
    if (this.pending.size >= maxPendingRequests) {
      return Promise.reject(new CodedError('ResourceLimit', t('error.tooManyRequests')));
    }
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const abandon = (error: Error): void => {
        this.host.post({ kind: 'cancel', id });
        entry.reject(error);
      };
      const onAbort = (): void => abandon(new CodedError('Cancelled', t('error.cancelled')));
      const timer = setTimeout(() => abandon(new CodedError('TimedOut', t('error.timedOut', { method }))), timeoutMs);
      const entry: PendingRequest = {
        generation: this.answeringGeneration(),
        settle: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          this.pending.delete(id);
        },
        resolve: (result) => {
          entry.settle();
          // The server validates its results against the contract before it sends them.
          resolve(result as ResultOf<M>);
        },
        reject: (error) => {
          entry.settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort);
      this.pending.set(id, entry);
      this.host.post({ kind: 'request', id, method, params });
    });
  }

  /** Sends a notification to the server. With the server gone there is nobody to tell, and nothing is kept for later. */
  notify<M extends NotificationForViews>(method: M, params: ParamsOf<M>): void {
    if (!this.disposed) this.host.post({ kind: 'notification', method, params });
  }

  /** Asks the extension host to do something in VS Code. */
  act(action: HostAction): void {
    if (!this.disposed) this.host.post({ kind: 'action', action });
  }

  onNotification<M extends ServerNotification>(method: M, listener: (params: ParsedParamsOf<M>) => void): Disposable {
    const listeners = this.notificationListeners.get(method) ?? new Set();
    this.notificationListeners.set(method, listeners);
    const entry = (params: unknown): void => listener(params as ParsedParamsOf<M>);
    listeners.add(entry);
    return { dispose: () => listeners.delete(entry) };
  }

  onContext(listener: (context: HostContext) => void): Disposable {
    this.contextListeners.add(listener);
    return { dispose: () => this.contextListeners.delete(listener) };
  }

  onWish(listener: (wish: HostWish) => void): Disposable {
    this.wishListeners.add(listener);
    return { dispose: () => this.wishListeners.delete(listener) };
  }

  readState(): unknown {
    return this.host.readState();
  }

  writeState(state: unknown): void {
    this.host.writeState(state);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.subscription.dispose();
    this.rejectWhere(() => true, t('error.viewClosed'));
    this.notificationListeners.clear();
    this.contextListeners.clear();
    this.wishListeners.clear();
  }

  private receive(message: HostToView): void {
    switch (message.kind) {
      case 'context':
        this.receiveContext(message);
        return;
      case 'response':
        this.receiveResponse(message);
        return;
      case 'notification':
        for (const listener of [...(this.notificationListeners.get(message.method) ?? [])]) listener(message.params);
        return;
      case 'do':
        for (const listener of [...this.wishListeners]) listener(message);
    }
  }

  private receiveContext(context: HostContext): void {
    this.lastContext = context;
    this.rejectWhere((entry) => entry.generation < context.serverGeneration, t('error.serverRestarted'));
    if (context.serverState === 'stopped') this.rejectWhere(() => true, t('error.serverStopped'));
    for (const listener of [...this.contextListeners]) listener(context);
  }

  private receiveResponse(message: Extract<HostToView, { kind: 'response' }>): void {
    const entry = this.pending.get(message.id);
    // An answer after the time limit or a cancel has nobody left to tell.
    if (entry === undefined) return;
    if ('error' in message) entry.reject(new CodedError(message.error.reason, message.error.message));
    else entry.resolve(message.result);
  }

  /** While the server is away the extension host keeps requests for its successor. */
  private answeringGeneration(): number {
    if (this.lastContext === null) return Number.MAX_SAFE_INTEGER;
    return this.lastContext.serverGeneration + (isUp(this.lastContext.serverState) ? 0 : 1);
  }

  private rejectWhere(applies: (entry: PendingRequest) => boolean, message: string): void {
    for (const entry of [...this.pending.values()]) {
      if (applies(entry)) entry.reject(new CodedError('Unavailable', message));
    }
  }
}

/** Whether requests reach a server in this state. */
export function isUp(state: ServerState): boolean {
  return state === 'ready' || state === 'recovered' || state === 'degraded';
}
