import type { ConversationId } from '../../protocol/sessionEvents.ts';
import type { TerminalId } from '../../protocol/terminal.ts';

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
  | { readonly kind: 'runCommand'; readonly commandLine: string; readonly cwd: string };

/** The gate's answer; `path` is the real path to use from there on. */
export type Decision =
  | { readonly outcome: 'allow'; readonly path: string }
  | { readonly outcome: 'deny'; readonly message: string }
  | { readonly outcome: 'ask'; readonly detail: string; readonly path: string };

/** The one gate that every effect passes. */
export interface PolicyGate {
  check(effect: Effect, place: EffectPlace): Promise<Decision>;
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
  readonly timeoutMs: number;
  /** The middle of a longer output is left out. */
  readonly maxOutputChars: number;
  readonly signal: AbortSignal;
  /** Called once the terminal exists, so that it can be shown while the command runs. */
  onStarted(terminalId: TerminalId): void;
}

export interface CommandOutcome {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly signal?: number;
  /** Plain text, escape sequences removed. */
  readonly output: string;
  readonly truncated: boolean;
  readonly durationMs: number;
  readonly timedOut: boolean;
  /** The shell's working folder as the command ended. */
  readonly cwdAfter?: string;
}

export interface CommandRunner {
  run(request: CommandRequest): Promise<CommandOutcome>;
}
