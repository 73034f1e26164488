import type {
  ClientNotification,
  ClientToServerMethod,
  ParamsOf,
  ResultOf,
  ServerNotification,
} from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { WorkspaceState } from '../../protocol/server.ts';
import { ClosedEvent } from '../base/closedEvent.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { createServer, type Server } from '../createServer.ts';
import { prepareDataFolder, resolveDataFolder } from './dataFolder.ts';
import { localHandshake } from './localClient.ts';
import { SettingsFile } from './settingsFile.ts';

/** What the server says unasked, told apart by its method. */
export type ServerMessage = {
  [M in ServerNotification]: { readonly method: M; readonly params: ParamsOf<M> };
}[ServerNotification];

/** The one client of a server in this process: what the command line asks, and what it is told. */
export interface LocalServer {
  readonly workspace: WorkspaceState;
  /** Rejects with a `CodedError`, as over every other way in. */
  call<M extends ClientToServerMethod>(method: M, params: ParamsOf<M>, signal?: AbortSignal): Promise<ResultOf<M>>;
  send<M extends ClientNotification>(method: M, params: ParamsOf<M>): void;
  onNotification(listener: (message: ServerMessage) => void): Disposable;
}

export interface LocalServerOptions {
  readonly dataDir: string | undefined;
  readonly workspace: string | undefined;
  readonly logger: Logger;
  /** False: terminals are only looked for, and no pty host is started for want of one. */
  readonly startsPtyHost: boolean;
}

/** Runs a server in this process for as long as `use` takes; afterwards nothing of it is left but the terminals. */
export async function withLocalServer<T>(
  options: LocalServerOptions,
  use: (server: LocalServer) => Promise<T>,
): Promise<T> {
  const { logger, startsPtyHost } = options;
  const dataFolder = resolveDataFolder(options.dataDir);
  prepareDataFolder(dataFolder);
  const environment = { ...process.env };
  const handshake = localHandshake(options.workspace, new SettingsFile(dataFolder, environment, logger).read());
  const server = createServer({ dataFolder, logger, environment, startsPtyHost });
  const onError = (error: unknown): void => logger.error('A listener of the command line failed', { error });
  const closed = new ClosedEvent(onError);
  const notified = new Emitter<ServerMessage>(onError);
  // The server's own timers keep no process alive: between two tries of a model call nothing else would.
  const alive = setInterval(() => undefined, 60_000);
  try {
    const client = createClient(notified, closed);
    server.connect(client, handshake);
    return await use({
      workspace: handshake.workspace,
      call: (method, params, signal) => call(server, client, { method, params, signal }) as never,
      send: (method, params) => void server.router.notification(client, method, params),
      onNotification: (listener) => notified.on(listener),
    });
  } finally {
    clearInterval(alive);
    closed.fire();
    await server.dispose();
  }
}

function createClient(notified: Emitter<ServerMessage>, closed: ClosedEvent): Client {
  return {
    id: 'command-line',
    kind: 'commandLine',
    scope: 'admin',
    notify: (method, params) => notified.fire({ method, params } as ServerMessage),
    request: (method) => Promise.reject(new CodedError('Unsupported', `The command line cannot answer ${method}.`)),
    onClosed: (listener) => closed.on(listener),
  };
}

interface Call {
  readonly method: string;
  readonly params: unknown;
  readonly signal: AbortSignal | undefined;
}

async function call(server: Server, client: Client, { method, params, signal }: Call): Promise<unknown> {
  const answer = await server.router.request(client, method, params, signal ?? new AbortController().signal);
  if ('result' in answer) return answer.result;
  const { reason, args } = answer.error.data;
  throw new CodedError(reason, answer.error.message, args === undefined ? {} : { args });
}
