import type { LogOutputChannel } from 'vscode';
import type { InitializationOptions } from '../../../server/protocol/server.ts';
import { systemClock } from '../base/clock.ts';
import type { EditorHandlers } from '../editor/editorHandler.ts';
import type { ConnectOptions } from './languageClient.ts';
import type { LaunchServer, RunningServer, ServerConnection } from './runningServer.ts';
import { ServerProcess } from './serverProcess.ts';

export interface LauncherOptions {
  /** Absolute path of the server's bundle. */
  readonly modulePath: string;
  readonly args: readonly string[];
  readonly log: LogOutputChannel;
  /** Loads the bundle with the language client when it is first needed. */
  readonly loadClient: () => { readonly connect: (options: ConnectOptions) => ServerConnection };
  readonly handlers: EditorHandlers;
  /** Asked at each start, since folders, trust and settings may have changed. */
  readonly describeClient: (restarts: number) => InitializationOptions;
}

/** Joins process and connection to what the supervision supervises. */
export function createServerLauncher(options: LauncherOptions): LaunchServer {
  const { log, handlers } = options;
  return (restarts): RunningServer => {
    const { modulePath, args } = options;
    const initialization = options.describeClient(restarts);
    log.info(`Starting the server (${initialization.correlationId}, restarts: ${restarts}).`);
    const process_ = new ServerProcess({ modulePath, args, environment: process.env, clock: systemClock, log });
    const connection = options
      .loadClient()
      .connect({ process: process_, log, handlers, initializationOptions: () => initialization });
    return {
      pid: process_.child.pid,
      exited: process_.exited,
      get hasEnded() {
        return process_.hasEnded;
      },
      kill: () => process_.kill(),
      handshake: connection.handshake,
      get lastMessageAt() {
        return connection.lastMessageAt;
      },
      request: (method, params, cancellation) => connection.request(method, params, cancellation),
      notify: (method, params) => connection.notify(method, params),
      onNotification: (listener) => connection.onNotification(listener),
      shutDown: (limitMs) => connection.shutDown(limitMs),
    };
  };
}
