import type { ServerNotification } from '../../../server/protocol/contract.ts';
import type { HandshakeAnswer } from '../../../server/protocol/server.ts';
import type { Disposable } from '../base/disposable.ts';

/** How a server process ended. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Set where the process could not be started at all. */
  readonly error?: Error;
  /** The sentence with which the server said why it ended. */
  readonly lastWords?: string;
}

/** A cancellation as the language client understands it: VS Code's `CancellationToken` is one. */
export interface Cancellation {
  readonly isCancellationRequested: boolean;
  readonly onCancellationRequested: (listener: () => void) => Disposable;
}

/** The conversation with one server process. It ends with that process and is never used again. */
export interface ServerConnection {
  /** Settles once the server has answered `initialize`; rejects if it refuses or dies. Has no limit of its own. */
  readonly handshake: Promise<HandshakeAnswer>;
  /** When the last message came from the server, in milliseconds since 1970. */
  readonly lastMessageAt: number;
  /** Rejects with the server's error, or when the process ends first. */
  request(method: string, params: object, cancellation?: Cancellation): Promise<unknown>;
  notify(method: string, params: object): Promise<void>;
  /** Every notification of the contract that this server sends. */
  onNotification(listener: (method: ServerNotification, params: never) => void): Disposable;
  /** Asks the server to end; gives up after `limitMs`. Never rejects. */
  shutDown(limitMs: number): Promise<void>;
}

/** One server process together with the conversation with it. */
export interface RunningServer extends ServerConnection {
  readonly pid: number | undefined;
  /** Resolves when the process has ended, however it did. */
  readonly exited: Promise<ServerExit>;
  /** Whether the process has ended; true a moment before `exited` resolves. */
  readonly hasEnded: boolean;
  /** Ends the process at once. */
  kill(): void;
}

/** Starts a server process. `restarts` counts how often this window has started one before. */
export type LaunchServer = (restarts: number) => RunningServer;
