import type { ConversationId } from '../../protocol/sessionEvents.ts';
import type { TerminalId, WaitsForInput } from '../../protocol/terminal.ts';

/** Where an effect is asked for. */
export interface EffectPlace {
  /** Absolute; relative paths of effects start here. */
  readonly cwd: string;
  readonly workspaceFolders: readonly string[];
  readonly trusted: boolean;
}

/** Something that a tool wants to do. */
export type Effect =
  | { readonly kind: 'readFile' | 'listFiles' | 'searchFiles'; readonly path: string }
  | { readonly kind: 'runCommand'; readonly commandLine: string; readonly cwd: string }
  /** Of a command of the same conversation; there is no way to others. */
  | { readonly kind: 'readOutput' | 'stopCommand'; readonly terminalId: TerminalId };

/** The gate's answer; `path` is the real path to use from there on. */
export type Decision =
  | { readonly outcome: 'allow'; readonly path: string }
  | { readonly outcome: 'deny'; readonly message: string }
  | { readonly outcome: 'ask'; readonly detail: string; readonly path: string };

/** The one gate that every effect passes. */
export interface PolicyGate {
  check(effect: Effect, place: EffectPlace): Promise<Decision>;
}

/** Keeps what must be known later. */
export interface AuditTrail {
  record(event: {
    readonly kind: 'permission.decided';
    readonly outcome: string;
    readonly agent: { readonly conversationId: string; readonly toolCallId: string };
    readonly details: Readonly<Record<string, unknown>>;
  }): Promise<void>;
}

/** Reads files as the person has them, unsaved changes included. */
export interface FileReader {
  readText(path: string, signal?: AbortSignal): Promise<{ readonly text: string; readonly fromBuffer: boolean }>;
}

/** A command to run as a process of its own in a terminal that the person sees. */
export interface CommandRequest {
  readonly conversationId: ConversationId;
  readonly toolCallId: string;
  readonly commandLine: string;
  readonly cwd: string;
  /** Null for no limit. */
  readonly timeoutMs: number | null;
  /** Answers a second after it has started. */
  readonly background: boolean;
  /** The middle of a longer output is left out. */
  readonly maxOutputChars: number;
  readonly signal: AbortSignal;
  /** Called once the terminal exists, so that it can be shown while the command runs. */
  onStarted(terminalId: TerminalId): void;
  /** It seems to wait for input, or (undefined) does so no longer. */
  onWaitsForInput(waits: WaitsForInput | undefined): void;
}

export interface CommandEnd {
  /** Null where a signal ended it, or its end was not seen. */
  readonly exitCode: number | null;
  readonly signal: number | null;
}

export interface CommandOutcome {
  readonly terminalId: TerminalId;
  /** Null while it runs. */
  readonly exit: CommandEnd | null;
  /** Why this is the outcome: it has ended, was sent to the background, waits for input that nobody types, or its server ends. */
  readonly cause: 'exited' | 'background' | 'unanswered' | 'serverEnds';
  /** Plain text, escape sequences removed. */
  readonly output: string;
  /** Bytes that were left out of the middle of it. */
  readonly omittedBytes: number;
  /** Null where it ended while no server was there to see it. */
  readonly durationMs: number | null;
  readonly timedOut: boolean;
  readonly waitsForInput: WaitsForInput | undefined;
  /** What the person typed into it, one entry a line. */
  readonly typed: readonly string[];
  /** The shell's working folder as the command ended. */
  readonly cwdAfter?: string;
}

/** One command of a conversation. */
export interface OwnCommand {
  readonly conversationId: ConversationId;
  readonly terminalId: TerminalId;
  readonly signal: AbortSignal;
}

/** Some lines of a command's output; lines count from 1. */
export interface CommandLines {
  readonly lines: readonly string[];
  readonly startLine: number;
  readonly lineCount: number;
  /** There were too many characters for all lines that were asked for. */
  readonly isCut: boolean;
  readonly exit: CommandEnd | null;
  readonly waitsForInput: WaitsForInput | undefined;
}

export interface CommandRunner {
  run(request: CommandRequest): Promise<CommandOutcome>;
  /** The lines of a range, or the last ones where `startLine` is left out. Rejects with `NotFound`. */
  read(
    command: OwnCommand,
    where: { readonly startLine?: number; readonly endLine?: number; readonly maxChars: number },
  ): Promise<CommandLines>;
  /** Rejects with `NotFound`. */
  stop(command: OwnCommand): Promise<{ readonly exit: CommandEnd | null }>;
  /** Takes up a command that its server has left: how it stands, and its end if that is yet to come. */
  takeUp(request: {
    readonly conversationId: ConversationId;
    readonly toolCallId: string;
    readonly terminalId: TerminalId | undefined;
    readonly maxOutputChars: number;
  }): Promise<{ readonly now: CommandOutcome; readonly end?: Promise<CommandOutcome> } | undefined>;
}

/** The server's cache, as lists of files use it. */
export interface AnswerCache<V> {
  /** Gives what is kept, or asks. Many at once ask once. */
  fetch(key: string, load: (signal: AbortSignal) => Promise<V>, lookup: { readonly signal: AbortSignal }): Promise<V>;
  /** Counts a question for which nothing can have been kept. */
  countMiss(): void;
}
