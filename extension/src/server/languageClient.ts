import type { ChildProcess } from 'node:child_process';
import type { LogOutputChannel } from 'vscode';
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  CloseAction,
  ErrorAction,
  LanguageClient,
  ResponseError,
  RevealOutputChannelOn,
  State,
  type CancellationToken,
  type DataCallback,
  type LanguageClientOptions,
  type Message,
  type MessageReader,
  type MessageWriter,
} from 'vscode-languageclient/node';
import type { ServerNotification } from '../../../server/protocol/contract.ts';
import { CodedError, errorTable, isErrorReason, type ErrorReason } from '../../../server/protocol/errors.ts';
import { isCodedError } from '../codedError.ts';
import type { HandshakeAnswer, InitializationOptions } from '../../../server/protocol/server.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { EditorHandlers } from '../editor/editorHandler.ts';
import { describeError } from '../log.ts';
import { mutedTrace } from './mutedTrace.ts';
import type { Cancellation, ServerConnection } from './runningServer.ts';
import type { ServerProcess } from './serverProcess.ts';

export interface ConnectOptions {
  readonly process: ServerProcess;
  /** One for all connections of this window. */
  readonly log: LogOutputChannel;
  readonly initializationOptions: () => InitializationOptions;
  /** What the server may ask of the editor. */
  readonly handlers: EditorHandlers;
}

/** Listed as an object so that the compiler notices a notification that is missing. */
const serverNotifications: Readonly<Record<ServerNotification, true>> = {
  'server/healthChanged': true,
  'terminal/output': true,
  'terminal/gap': true,
  'terminal/detached': true,
  'terminal/exited': true,
  'terminal/changed': true,
  'terminal/commandFinished': true,
  'session/update': true,
  'session/changed': true,
  'conversation/indexProgressed': true,
  'backup/progressed': true,
  'model/changed': true,
};

/**
 * Begins the conversation with a server process: the only place that knows vscode-languageclient, in a bundle of its
 * own since loading that costs more than everything else in the extension.
 */
export function connect(options: ConnectOptions): ServerConnection {
  const { log } = options;
  const reader = new ProcessReader(options.process, (message) => log.warn(`[server] ${message}`));
  const writer = new ProcessWriter(options.process.child);
  const client = new QuietLanguageClient(
    'aiDevAssistant',
    'AI Development Assistant',
    () => Promise.resolve({ reader, writer, detached: true }),
    clientOptions(options),
  );
  const notifications = new Emitter<readonly [ServerNotification, never]>((error) =>
    log.error(`A listener for notifications failed: ${describeError(error)}`),
  );
  for (const method of Object.keys(serverNotifications) as ServerNotification[]) {
    client.onNotification(method, (params: unknown) => notifications.fire([method, params as never]));
  }
  for (const [method, handler] of Object.entries(options.handlers)) {
    client.onRequest(method, (params: unknown, token: Cancellation) => answer(handler, params as never, token));
  }
  void options.process.exited.then(() => notifications.dispose());
  return {
    handshake: shakeHands(client),
    get lastMessageAt() {
      return reader.lastMessageAt;
    },
    request: (method, params, cancellation) => send(client, { method, params, cancellation }),
    notify: (method, params) => client.sendNotification(method, params),
    onNotification: (listener) => notifications.on(([method, params]) => listener(method, params)),
    async shutDown(limitMs) {
      await client.stop(limitMs).catch((error: unknown) => log.debug(`Stopping: ${describeError(error)}`));
    },
  };
}

function clientOptions({ log, initializationOptions }: ConnectOptions): LanguageClientOptions {
  return {
    documentSelector: [],
    outputChannel: log,
    traceOutputChannel: mutedTrace,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions,
    // The supervision starts servers again, with waits; the library never does. `handled` keeps it from toasting.
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
    },
  };
}

/**
 * `start()` may resolve although the start has failed: a server that dies before it answers makes the first call return
 * nothing. The second call returns the promise itself, and the state tells the truth.
 */
async function shakeHands(client: LanguageClient): Promise<HandshakeAnswer> {
  const [, second] = await Promise.allSettled([client.start(), client.start()]);
  if (second.status === 'rejected') throw asCodedError(second.reason, 'initialize');
  if (client.state !== State.Running) throw new Error('it ended before it answered');
  const result = client.initializeResult as { aiDevAssistant?: unknown } | undefined;
  return readHandshakeAnswer(result?.aiDevAssistant);
}

function readHandshakeAnswer(value: unknown): HandshakeAnswer {
  const answer = value as Partial<HandshakeAnswer> | undefined;
  const { version, instanceId, contractVersion } = answer ?? {};
  if (typeof version === 'string' && typeof instanceId === 'string' && contractVersion) {
    const { major, minor } = contractVersion as { major: unknown; minor: unknown };
    if (typeof major === 'number' && typeof minor === 'number') {
      return { version, instanceId, contractVersion: { major, minor } };
    }
  }
  throw new CodedError('Unsupported', 'it did not name its version in the handshake');
}

interface Outgoing {
  readonly method: string;
  readonly params: object;
  readonly cancellation: Cancellation | undefined;
}

async function send(client: LanguageClient, { method, params, cancellation }: Outgoing): Promise<unknown> {
  try {
    return await (cancellation
      ? client.sendRequest(method, params, cancellation as CancellationToken)
      : client.sendRequest(method, params));
  } catch (error) {
    throw asCodedError(error, method);
  }
}

const reasonsByCode = new Map(
  Object.entries(errorTable).map(([reason, { code }]): [number, ErrorReason] => [code, reason as ErrorReason]),
);

function asCodedError(error: unknown, method: string): CodedError {
  const { code, message, data } = (error ?? {}) as { code?: unknown; message?: unknown; data?: unknown };
  const { reason, args } = (data ?? {}) as { reason?: unknown; args?: CodedError['args'] };
  const known = isErrorReason(reason) ? reason : typeof code === 'number' ? reasonsByCode.get(code) : undefined;
  if (known) {
    return new CodedError(known, typeof message === 'string' ? message : known, {
      ...(args && { args }),
      cause: error,
    });
  }
  // Neither a reason of ours nor a code of JSON-RPC's: the library's own way to say that the connection has gone.
  return new CodedError('Unavailable', `The server has gone before it answered ${method}.`, {
    args: { serverState: 'gone' },
    cause: error,
  });
}

async function answer(
  handler: (params: never, signal: AbortSignal) => Promise<unknown>,
  params: never,
  token: Cancellation,
): Promise<unknown> {
  const abort = new AbortController();
  const listener = token.onCancellationRequested(() => abort.abort());
  try {
    return await handler(params, abort.signal);
  } catch (error) {
    const reason = isCodedError(error) ? error.reason : 'Internal';
    return new ResponseError(errorTable[reason].code, describeError(error), { reason });
  } finally {
    listener.dispose();
  }
}

/** A client that writes its troubles to the log and never shows a message: the supervision says what a person must know. */
class QuietLanguageClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override warn(message: string, data?: unknown): void {
    super.warn(message, data, false);
  }

  override info(message: string, data?: unknown): void {
    super.info(message, data, false);
  }

  /** The library calls this without awaiting it after a failed start, where it would reject. */
  override async stop(timeoutMs?: number): Promise<void> {
    if (this.state === State.Running) await super.stop(timeoutMs);
  }
}

/** Messages a server could use to put a toast on the screen. Ours sends none; what another sends goes to the log. */
const toastMethods = new Set(['window/showMessage', 'window/showMessageRequest']);

/** Reads from a forked process and closes on its `exit`: a grandchild that holds its stderr would delay `close`. */
class ProcessReader extends AbstractMessageReader implements MessageReader {
  lastMessageAt = 0;
  private readonly child: ChildProcess;
  private readonly onToast: (message: string) => void;

  constructor(process: ServerProcess, onToast: (message: string) => void) {
    super();
    this.child = process.child;
    this.onToast = onToast;
    void process.exited.then(() => this.fireClose());
  }

  listen(callback: DataCallback): Disposable {
    const receive = (message: unknown): void => {
      this.lastMessageAt = Date.now();
      const { method, params, id } = message as { method?: string; params?: { message?: unknown }; id?: unknown };
      if (method === undefined || id !== undefined || !toastMethods.has(method)) callback(message as Message);
      else this.onToast(String(params?.message));
    };
    this.child.on('message', receive);
    return toDisposable(() => this.child.off('message', receive));
  }
}

/** Writes to a forked process and reports a message as written once the channel has taken it, not before. */
class ProcessWriter extends AbstractMessageWriter implements MessageWriter {
  private readonly child: ChildProcess;

  constructor(child: ChildProcess) {
    super();
    this.child = child;
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      this.child.send(message, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  end(): void {
    // The channel is the process's own and ends with it.
  }
}
