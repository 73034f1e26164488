import {
  CancellationTokenSource,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
  StreamMessageWriter,
  type CancellationToken,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import { declarationOf } from '../../protocol/contract.ts';
import { CodedError, isErrorReason } from '../../protocol/errors.ts';
import type { HandshakeAnswer } from '../../protocol/server.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { toWireError } from '../rpc/errorBoundary.ts';
import type { Router } from '../rpc/router.ts';
import { GuardedMessageReader } from './guardedMessageReader.ts';
import { watchClient } from './parentWatch.ts';
import { bytesToBase64 } from './wireBytes.ts';

/** What we read of LSP's `InitializeParams`. */
export interface ClientIntroduction {
  readonly initializationOptions?: unknown;
  readonly workspaceFolders?: readonly { readonly uri: string; readonly name: string }[] | null;
  /** The server does not outlive it. */
  readonly processId?: number | null;
}

/** A server ends within 2 s of its client. */
const shutdownLimitMs = 1_500;

export interface LanguageServerOptions {
  readonly router: Router;
  readonly logger: Logger;
  /** Takes the client's side of the handshake and gives ours. What it throws refuses the client. */
  readonly initialize: (client: Client, params: ClientIntroduction) => HandshakeAnswer;
  /** Ends the server's services; awaited before `shutdown` is answered. */
  readonly shutdown: () => Promise<void>;
}

/** Serves the process that forked this one, over Node's IPC channel with `serialization: 'advanced'`. */
export function serveIpc(options: LanguageServerOptions): Disposable {
  const reader = new IPCMessageReader(process);
  const writer = new IPCMessageWriter(process);
  return serve(options, { reader, writer, kind: 'editor', carriesBytes: true });
}

/** Serves any LSP client on stdin and stdout. From here on stdout belongs to the protocol. */
export function serveStdio(options: LanguageServerOptions): Disposable {
  const writer = new StreamMessageWriter(process.stdout);
  const reader = new GuardedMessageReader(process.stdin, writer, options.logger);
  return serve(options, { reader, writer, kind: 'lsp', carriesBytes: false });
}

interface Channel {
  readonly reader: MessageReader;
  readonly writer: MessageWriter;
  readonly kind: Client['kind'];
  readonly carriesBytes: boolean;
}

function serve(options: LanguageServerOptions, channel: Channel): Disposable {
  const { router, logger } = options;
  const connection = createMessageConnection(channel.reader, channel.writer);
  const closed = new Emitter<undefined>((error) => logger.error('A listener for a closed client failed', { error }));
  const client = createClient(connection, channel, closed);
  let initialized = false;
  let isShutDown = false;

  connection.onRequest('initialize', (params: ClientIntroduction) => {
    try {
      const answer = options.initialize(client, params);
      initialized = true;
      if (typeof params.processId === 'number') watchClient(params.processId);
      return {
        capabilities: {},
        serverInfo: { name: 'ai-dev-assistant', version: answer.version },
        aiDevAssistant: answer,
      };
    } catch (error) {
      return asResponse(toWireError(error, { method: 'initialize', correlationId: 'initialize', logger }));
    }
  });
  connection.onRequest('shutdown', async () => {
    isShutDown = true;
    closed.fire(undefined);
    await options.shutdown().catch((error: unknown) => logger.error('Shutdown failed', { error }));
    return null;
  });
  connection.onNotification('exit', () => process.exit(isShutDown ? 0 : 1));
  connection.onRequest(async (method, params, token) => {
    if (!initialized) {
      const error = new CodedError('Unavailable', `${method} was sent before initialize was answered.`);
      return asResponse(toWireError(error, { method, correlationId: 'initialize', logger }));
    }
    const answer = await router.request(client, method, params, abortSignalOf(token));
    if ('error' in answer) return asResponse(answer.error);
    return channel.carriesBytes ? answer.result : bytesToBase64(answer.result as object);
  });
  connection.onNotification((method, params) => {
    if (initialized) void router.notification(client, method, params);
  });
  channel.reader.onClose(() => {
    closed.fire(undefined);
    // Nobody is left to wait: what is not done by then is picked up by the next server.
    setTimeout(() => process.exit(0), shutdownLimitMs);
    options
      .shutdown()
      .catch((error: unknown) => logger.error('Shutdown failed', { error }))
      .finally(() => process.exit(0));
  });
  connection.listen();
  return toDisposable(() => connection.dispose());
}

let clients = 0;

function createClient(connection: MessageConnection, channel: Channel, closed: Emitter<undefined>): Client {
  return {
    id: `${channel.kind}-${++clients}`,
    kind: channel.kind,
    notify(method, params) {
      // The library rejects when the peer has gone; `onClosed` tells those who need to know.
      connection.sendNotification(method, channel.carriesBytes ? params : bytesToBase64(params)).catch(() => undefined);
    },
    async request(method, params, signal) {
      const declaration = declarationOf(method);
      if (declaration?.kind !== 'request') throw new Error(`${method} is not a request of the contract`);
      const result = await sendRequest(connection, { method, params, signal, timeoutMs: declaration.timeoutMs });
      const checked = declaration.result.safeParse(result);
      if (checked.success) return checked.data as never;
      throw new CodedError('Unavailable', `The client answered ${method} in a form that cannot be used.`);
    },
    onClosed: (listener) => closed.on(listener),
  };
}

interface Outgoing {
  readonly method: string;
  readonly params: object;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

async function sendRequest(
  connection: MessageConnection,
  { method, params, signal, timeoutMs }: Outgoing,
): Promise<unknown> {
  const cancellation = new CancellationTokenSource();
  const stop = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => {
    cancellation.cancel();
    const reason = signal?.aborted ? 'Cancelled' : 'TimedOut';
    stopped.reject(new CodedError(reason, `The client did not answer ${method} in time.`));
  };
  stop.addEventListener('abort', onAbort);
  try {
    if (stop.aborted) onAbort();
    return await Promise.race([connection.sendRequest(method, params, cancellation.token), stopped.promise]);
  } catch (error) {
    throw asCodedError(error, method);
  } finally {
    stop.removeEventListener('abort', onAbort);
    cancellation.dispose();
  }
}

function asCodedError(error: unknown, method: string): CodedError {
  if (error instanceof CodedError) return error;
  const reason: unknown =
    error instanceof ResponseError ? (error.data as { reason?: unknown } | undefined)?.reason : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new CodedError(isErrorReason(reason) ? reason : 'Unavailable', `${method} failed at the client: ${message}`, {
    cause: error,
  });
}

function asResponse(error: { code: number; message: string; data: unknown }): ResponseError<unknown> {
  return new ResponseError(error.code, error.message, error.data);
}

function abortSignalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  else token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
