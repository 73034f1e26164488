import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type {
  ClientNotification,
  ClientToServerMethod,
  ParamsOf,
  ResultOf,
  ServerNotification,
} from '../../server/protocol/contract.ts';
import type { WorkspaceState } from '../../server/protocol/server.ts';
import { serverFlags } from '../../extension/src/server/serverFlags.ts';
import { CodedError, isErrorReason } from '../../server/protocol/errors.ts';
import { serverBundle, serverEnvironment } from './stdioServer.ts';

/** What the server says unasked, told apart by its method. */
export type ServerMessage = {
  [M in ServerNotification]: { readonly method: M; readonly params: ParamsOf<M> };
}[ServerNotification];

interface WireAnswer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly data?: { readonly reason?: unknown } };
}

const nowhere: WorkspaceState = { folders: [], trusted: true };

interface Waiting extends PromiseWithResolvers<unknown> {
  readonly onResult: ((result: unknown) => void) | undefined;
}

/** The server of one window: forked as the extension does it, with terminal output as bytes. The owner calls `kill`. */
export class WindowServer {
  readonly child: ChildProcess;
  /** Called with each notification, in order. */
  onNotification: (message: ServerMessage) => void = () => undefined;
  /** Called with each message, in either direction. */
  onWire: (message: unknown) => void = () => undefined;
  /** Called with what the server logs. */
  onLog: (text: string) => void = () => undefined;
  /** What this window keeps. */
  readonly secrets = new Map<string, string>();
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;

  static async start(
    dataFolder: string,
    options: { settings?: object; bundle?: string; restarts?: number; workspace?: WorkspaceState } = {},
  ): Promise<WindowServer> {
    const { settings = {}, bundle = serverBundle, restarts = 0, workspace = nowhere } = options;
    const server = new WindowServer(dataFolder, bundle);
    const contractVersion = { major: 1, minor: 0 };
    await server.send('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
      initializationOptions: { contractVersion, correlationId: 'startup-test', workspace, settings, restarts },
    });
    server.child.send({ jsonrpc: '2.0', method: 'initialized', params: {} });
    return server;
  }

  private constructor(dataFolder: string, bundle: string) {
    this.child = fork(bundle, ['lsp', '--node-ipc'], {
      serialization: 'advanced',
      env: serverEnvironment(dataFolder),
      execArgv: [...serverFlags],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => this.onLog(chunk.toString()));
    this.child.on('message', (message) => {
      this.onWire(message);
      this.receive(message as WireAnswer);
    });
    this.child.on('exit', () => {
      for (const one of this.waiting.values()) one.reject(new CodedError('Unavailable', 'The server has ended.'));
      this.waiting.clear();
    });
    // A message to a server that has just been killed cannot arrive; its requests are rejected above.
    this.child.on('error', () => undefined);
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /**
   * Rejects with a `CodedError` that has the reason which the server gave. `onResult` is called before any notification
   * that comes after the answer is handed on; who awaits the promise may be later than those.
   */
  call<M extends ClientToServerMethod>(
    method: M,
    params: ParamsOf<M>,
    onResult?: (result: ResultOf<M>) => void,
  ): Promise<ResultOf<M>> {
    return this.send(method, params, onResult as (result: unknown) => void) as Promise<ResultOf<M>>;
  }

  notify<M extends ClientNotification>(method: M, params: ParamsOf<M>): void {
    // Whether it still arrives is the business of who ends the server.
    if (this.child.connected) this.put({ method, params });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.hasExited) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }

  private send(method: string, params: unknown, onResult?: (result: unknown) => void): Promise<unknown> {
    const id = this.nextId++;
    const answer = Promise.withResolvers<unknown>();
    if (!this.child.connected) return Promise.reject(new CodedError('Unavailable', 'The server has ended.'));
    this.waiting.set(id, { ...answer, onResult });
    this.put({ id, method, params });
    return answer.promise;
  }

  /** Keeps secrets as a window does; anything else cannot be asked of it. */
  private answer({ id, method, params }: WireAnswer): void {
    const { name = '', value = '' } = params as { name?: string; value?: string };
    if (method === 'secret/set') this.secrets.set(name, value);
    const result = method === 'secret/get' ? { value: this.secrets.get(name) ?? null } : {};
    const known = method === 'secret/get' || method === 'secret/set';
    const error = { code: -32601, message: 'This window cannot do that.' };
    this.put({ id, ...(known ? { result } : { error }) });
  }

  private put(message: object): void {
    this.onWire(message);
    this.child.send({ jsonrpc: '2.0', ...message }, () => undefined);
  }

  private receive({ id, method, params, result, error }: WireAnswer): void {
    if (method !== undefined && id !== undefined) return this.answer({ id, method, params });
    if (method !== undefined) return this.onNotification({ method, params } as ServerMessage);
    const answer = id === undefined ? undefined : this.waiting.get(id);
    if (id === undefined || !answer) return;
    this.waiting.delete(id);
    if (!error) {
      answer.onResult?.(result);
      return answer.resolve(result);
    }
    const reason = error.data?.reason;
    answer.reject(new CodedError(isErrorReason(reason) ? reason : 'Internal', error.message));
  }
}
