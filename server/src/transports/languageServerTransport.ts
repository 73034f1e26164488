import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import { CodedError } from '../../protocol/errors.ts';
import type { HandshakeAnswer } from '../../protocol/server.ts';
import { ClosedEvent } from '../base/closedEvent.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { Router } from '../rpc/router.ts';
import { FrameWriter } from './frameWriter.ts';
import { GuardedMessageReader } from './guardedMessageReader.ts';
import { abortControllerOf, asResponse, requestOf } from './jsonRpcPeer.ts';
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
  const writer = new FrameWriter(process.stdout);
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
  const closed = new ClosedEvent((error) => logger.error('A listener for a closed client failed', { error }));
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
      return asResponse(router.refuse(error, { method: 'initialize', correlationId: 'initialize' }));
    }
  });
  connection.onRequest('shutdown', async () => {
    isShutDown = true;
    closed.fire();
    await options.shutdown().catch((error: unknown) => logger.error('Shutdown failed', { error }));
    return null;
  });
  connection.onNotification('exit', () => process.exit(isShutDown ? 0 : 1));
  connection.onRequest(async (method, params, token) => {
    if (!initialized) {
      const error = new CodedError('Unavailable', `${method} was sent before initialize was answered.`);
      return asResponse(router.refuse(error, { method, correlationId: 'initialize' }));
    }
    const answer = await router.request(client, method, params, abortControllerOf(token).signal);
    if ('error' in answer) return asResponse(answer.error);
    return channel.carriesBytes ? answer.result : bytesToBase64(answer.result as object);
  });
  connection.onNotification((method, params) => {
    if (initialized) void router.notification(client, method, params);
  });
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    closed.fire();
    // Nobody is left to wait: what is not done by then is picked up by the next server.
    setTimeout(() => process.exit(0), shutdownLimitMs);
    options
      .shutdown()
      .catch((error: unknown) => logger.error('Shutdown failed', { error }))
      .finally(() => process.exit(0));
  };
  channel.reader.onClose(end);
  channel.writer.onClose(end);
  channel.writer.onError(([error]) => logger.warn('Nothing can be sent to the client any more', { error }));
  connection.listen();
  return toDisposable(() => connection.dispose());
}

let clients = 0;

function createClient(connection: MessageConnection, channel: Channel, closed: ClosedEvent): Client {
  return {
    id: `${channel.kind}-${++clients}`,
    kind: channel.kind,
    // Whoever speaks here has started this process.
    scope: 'admin',
    notify(method, params) {
      // The library rejects when the peer has gone; `onClosed` tells those who need to know.
      connection.sendNotification(method, channel.carriesBytes ? params : bytesToBase64(params)).catch(() => undefined);
    },
    request: (method, params, signal) => requestOf(connection, method, params, signal),
    onClosed: (listener) => closed.on(listener),
  };
}
