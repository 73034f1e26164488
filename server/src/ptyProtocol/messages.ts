import type { PtyErrorCode } from './errors.ts';

/** How a session ended. Exactly one of the two is set: the exit code, or the number of the signal that ended it. */
export interface PtyExit {
  readonly exitCode: number | null;
  readonly signal: number | null;
}

/** What the host knows of a session. Offsets count bytes from the start of its output. */
export interface PtySessionInfo {
  readonly sessionId: string;
  readonly pid: number;
  readonly cols: number;
  readonly rows: number;
  /** What a server asked to keep; the host never looks into it. */
  readonly metadata: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** Null while it runs. */
  readonly exit: PtyExit | null;
  /** Bytes of output so far: the offset at which the next byte will stand. */
  readonly producedBytes: number;
  /** Offset of the oldest byte still kept. */
  readonly ringStartOffset: number;
  /** Offset at which the kept screen checkpoint was taken; null where there is none. */
  readonly checkpointOffset: number | null;
  /** Marks seen so far: the index that the next one will have. */
  readonly markCount: number;
  /** How many look at it, by the word of their clients (`view`). Older hosts do not say it. */
  readonly viewerCount?: number;
  /** True where the host has ended it: an idle shell, after `keepAliveHours` without any client. */
  readonly endedIdle?: boolean;
}

/**
 * An OSC sequence in a session's output that ended with the session's secret, so that only what was told the secret can
 * have written it. The host does not know what marks mean.
 */
export interface PtyMark {
  /** Counts a session's marks from 0. */
  readonly index: number;
  /** Offset of the sequence's first byte. */
  readonly offset: number;
  /** Offset of the first byte after it. */
  readonly endOffset: number;
  /** When the host read it, in milliseconds since 1970. */
  readonly atMs: number;
  /** What stood between `ESC ]` and the last `;` before the secret. */
  readonly text: string;
}

/** The size of a terminal from `offset` on. */
export interface PtySizeAt {
  readonly offset: number;
  readonly cols: number;
  readonly rows: number;
}

/** A program to start in a terminal of its own. */
export interface PtyCreateParams {
  /** Absolute path, or a name that is looked up in the PATH of `env`. */
  readonly file: string;
  readonly args: readonly string[];
  /** Absolute path of an existing folder. */
  readonly cwd: string;
  /** The complete environment; nothing of the host's own is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly cols: number;
  readonly rows: number;
  readonly metadata: string;
  /**
   * Whether this is an interactive shell (the default), which may be ended when nobody has been connected for long and
   * nothing runs in it. A command is left to end by itself.
   */
  readonly isShell?: boolean;
  /**
   * Makes marks of OSC sequences in the output whose last field, after a `;`, is this secret of 16 to 128 letters and
   * digits. Left out: nothing is looked for.
   */
  readonly markSecret?: string;
  /** Refused with `ResourceLimit` where so many programs run already, whoever started them. */
  readonly maxSessions?: number;
}

/** Signals a session can be sent. On Windows only SIGINT and SIGKILL exist. */
export const ptySignals = ['SIGINT', 'SIGTERM', 'SIGKILL', 'SIGHUP', 'SIGQUIT', 'SIGTSTP', 'SIGCONT'] as const;
export type PtySignal = (typeof ptySignals)[number];

interface OfSession {
  readonly sessionId: string;
}

/** Where a new subscription starts to read. */
export interface PtySubscribeParams extends OfSession {
  /** Chosen by the client, unique among its live subscriptions; stands in each OUTPUT frame. */
  readonly subscriptionId: number;
  /** First byte wanted. Left out: the oldest byte kept. */
  readonly fromOffset?: number;
  /** Most bytes sent and not yet acknowledged. */
  readonly windowBytes: number;
}

export interface PtySubscribeResult {
  readonly session: PtySessionInfo;
  /** Where output will start. Greater than the offset asked for when bytes were lost; a `gap` then follows. */
  readonly startOffset: number;
  /**
   * The size in force at `startOffset`, then each later one with the offset at which it came into force. Where more
   * than 64 changes have happened, the oldest one kept stands first.
   */
  readonly sizes: readonly PtySizeAt[];
}

/** Somebody looks at a session. */
export interface PtyViewParams extends OfSession {
  /** Chosen by the client, unique among its viewers. */
  readonly viewerId: number;
  /** Whether it can answer what a program asks of its terminal. */
  readonly canAnswer: boolean;
}

/**
 * Requests that travel as JSON, `{ id, method, params }`, each with its params and the result that stands in the answer
 * `{ id, result }`; a refused one is answered by `{ id, error: { code, message } }`. Input (WRITE) and screen checkpoints travel in binary
 * frames beside them; see `binaryFrames.ts`.
 */
export interface PtyRequests {
  /** Answers at once. A client sends it as its heartbeat. */
  ping: { params: object; result: object };
  create: { params: PtyCreateParams; result: { readonly sessionId: string; readonly pid: number } };
  resize: { params: OfSession & { readonly cols: number; readonly rows: number }; result: object };
  /** To the foreground process group of the terminal. */
  signal: { params: OfSession & { readonly signal: PtySignal }; result: object };
  /** Ends every process of the session (SIGHUP, after a grace SIGKILL), and forgets it. Answered once it is gone. */
  close: { params: OfSession; result: object };
  /** Sessions in the order of their creation, as many as fit; `cursor` goes on where the last answer ended. */
  list: {
    params: { readonly cursor?: number };
    result: { readonly sessions: readonly PtySessionInfo[]; readonly nextCursor: number | null };
  };
  /**
   * After so many hours without any client, idle shells end. The longest wish of the connected clients counts; null: this
   * one has none any more.
   */
  setKeepAlive: { params: { readonly keepAliveHours: number | null }; result: object };
  /**
   * Answered as soon as so many more bytes of input have room; with `ResourceLimit` after `waitMs` without, or at once
   * where they never will. The room is not kept for the one who asked.
   */
  awaitInputRoom: { params: OfSession & { readonly bytes: number; readonly waitMs: number }; result: object };
  setMetadata: { params: OfSession & { readonly metadata: string }; result: object };
  /** Answered by a CHECKPOINT frame when there is one, else by `{ checkpoint: null }`. */
  getCheckpoint: { params: OfSession; result: { readonly checkpoint: null } };
  /**
   * The marks kept from `fromIndex` on (default 0), as many as fit; none left where `marks` is empty. The last 256 of a
   * session are kept, of at most 128 KiB together.
   */
  getMarks: {
    params: OfSession & { readonly fromIndex?: number };
    result: { readonly marks: readonly PtyMark[]; readonly nextIndex: number };
  };
  subscribe: { params: PtySubscribeParams; result: PtySubscribeResult };
  unsubscribe: { params: { readonly subscriptionId: number }; result: object };
  /**
   * Tells of a viewer, until `unview`, the end of the session or of the connection. `answers`: it is the one, of all viewers of the
   * session, that answers what its program asks of the terminal. Reading output alone makes no viewer.
   */
  view: { params: PtyViewParams; result: { readonly answers: boolean } };
  unview: { params: { readonly viewerId: number }; result: object };
  /** The server has taken note that the session has exited; the host drops it. An active session is refused. */
  forget: { params: OfSession; result: object };
}
export type PtyMethod = keyof PtyRequests;

/** What a client says without wanting an answer: `{ notify, params }`. */
export interface PtyClientNotifications {
  /** Everything before `offset` has been consumed, so as much more may be sent. */
  acknowledge: { readonly subscriptionId: number; readonly offset: number };
  /** A person types so many characters (none: keys that are no text) into a session; the input itself follows. */
  typed: OfSession & { readonly characters: number };
}

/** What the host says unasked: `{ notify, params }`. */
export interface PtyHostNotifications {
  /** The bytes from `from` to `to` were dropped from the ring before this subscription came to them. */
  gap: {
    readonly subscriptionId: number;
    readonly from: number;
    readonly to: number;
    readonly checkpointOffset: number | null;
  };
  /** Sent to each subscription after its last byte. `endOffset` is the length of the whole output. */
  exited: PtyExit & { readonly subscriptionId: number; readonly sessionId: string; readonly endOffset: number };
  /** The session was closed or forgotten; the subscription is over. */
  ended: { readonly subscriptionId: number; readonly sessionId: string };
  /** This viewer answers from now on: the one that did has gone. */
  answering: { readonly viewerId: number; readonly sessionId: string };
  /** To every client: a session was created, has exited, was closed or forgotten (`removed`), or got new metadata. */
  sessionsChanged: { readonly sessionId: string; readonly change: PtySessionChange };
  /** To every client: a mark was seen in the output of a session. */
  marked: { readonly sessionId: string; readonly mark: PtyMark };
  /**
   * To one client, one that reads the session where there is one: much was produced since the last checkpoint, and it
   * would be good to leave a new one. At most every 2 s a session.
   */
  checkpointDue: { readonly sessionId: string; readonly producedBytes: number };
  /** To every client but the one that said so: a person types into a session. What they type is not told. */
  typed: OfSession & { readonly characters: number };
}
export type PtySessionChange = 'created' | 'exited' | 'removed' | 'metadata';

/** Messages of the handshake, in this order: client, host, client, host. Nonces and proofs are 64 hex digits. */
export interface PtyHandshake {
  hello: { readonly hello: { readonly protocolVersion: number; readonly nonce: string } };
  challenge: {
    readonly challenge: {
      readonly protocolVersion: number;
      /** What the host can do beyond the first release; 0 where it is left out. */
      readonly revision?: number;
      readonly nonce: string;
      readonly proof: string;
    };
  };
  /** Without `keepAliveHours` the client has no wish; a host of revision 0 insists on one. */
  proof: { readonly proof: { readonly proof: string; readonly keepAliveHours?: number } };
  welcome: { readonly welcome: { readonly instanceId: string; readonly pid: number; readonly startedAtMs: number } };
  /** In place of any of the host's messages, before it hangs up. */
  refused: { readonly refused: { readonly code: PtyErrorCode; readonly message: string } };
}
