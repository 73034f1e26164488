import * as fs from 'node:fs/promises';
import { CodedError } from '../../../protocol/errors.ts';
import type { ConversationId } from '../../../protocol/sessionEvents.ts';
import type { TerminalId, TerminalInfo, WaitsForInput } from '../../../protocol/terminal.ts';
import type { Clock } from '../../base/clock.ts';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/logger.ts';
import type { CommandOutputFiles } from './commandOutputFiles.ts';
import type { PreparedCommand } from './commandShell.ts';
import { CommandShells } from './commandShells.ts';
import type { CommandRecording } from './commandRecording.ts';
import { RunningCommand, type AnswerCause, type CommandState } from './runningCommand.ts';
import { checkCwd } from '../shells/shells.ts';
import type { TerminalProgram, TerminalService } from '../terminalService.ts';

/** A command of an agent. */
export interface CommandRequest {
  readonly conversationId: ConversationId;
  readonly toolCallId: string;
  readonly commandLine: string;
  readonly cwd: string;
  /** Null for no limit. */
  readonly timeoutMs: number | null;
  /** Answers a second after the command has started; it goes on. */
  readonly background?: boolean;
  /** Characters of output to give back; more is cut out of the middle. */
  readonly maxOutputChars: number;
  /** Aborting it stops the command: SIGINT, then SIGTERM, then an end to the whole process group. */
  readonly signal: AbortSignal;
  /** The terminal that shows the command is there. */
  onStarted(terminalId: TerminalId): void;
  /** It seems to wait for input, or (undefined) does so no longer. */
  onWaitsForInput?(waits: WaitsForInput | undefined): void;
}

/** A command of some other caller, which carries nothing from command to command. */
export interface PlainCommandRequest extends Pick<
  CommandRequest,
  'commandLine' | 'cwd' | 'timeoutMs' | 'background' | 'maxOutputChars' | 'signal'
> {
  readonly env: Readonly<Record<string, string | null>>;
  readonly name: string | undefined;
}

export interface CommandResult extends CommandState {
  readonly terminalId: TerminalId;
  /** Why this is the answer; anything but `exited` means that the command still runs. */
  readonly cause: AnswerCause;
  /** Folder in which the command ended, for the next one. */
  readonly cwdAfter?: string;
}

export interface CommandRunnerOptions {
  readonly terminals: TerminalService;
  readonly files: CommandOutputFiles;
  /** Folder for the state that is carried from command to command; private to us. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a command prints in its first moment belongs to the answer, if it starts in the background. */
const firstOutputMs = 1_000;
/** How long the terminal of a command that has ended stays, for viewers that are late. */
const keepEndedMs = 30_000;
/** Ended commands whose output can still be read back from memory. */
const maxRemembered = 64;
/** A pager would wait for a key that nobody presses; advertisements for updates cost tokens. */
const quietVariables = {
  PAGER: 'cat',
  GIT_PAGER: 'cat',
  MANPAGER: 'cat',
  NO_UPDATE_NOTIFIER: '1',
  NPM_CONFIG_UPDATE_NOTIFIER: 'false',
};
const size = { cols: 120, rows: 30 };

/**
 * Runs commands, each as a pty process of its own, so that its exit is its end and no prompt is ever guessed. The
 * terminal is visible and open to typing while it runs.
 */
export class CommandRunner {
  private readonly options: CommandRunnerOptions;
  private readonly shells: CommandShells;
  private readonly live = new Map<TerminalId, RunningCommand>();
  /** What ended commands printed, the oldest first. */
  private readonly remembered = new Map<TerminalId, CommandRecording>();
  /** Terminals whose command has ended; they stay a while for slow viewers. */
  private readonly ended = new Map<TerminalId, Disposable>();
  private readonly store = new DisposableStore();
  private isLetGo = false;

  constructor(options: CommandRunnerOptions) {
    this.options = options;
    this.shells = new CommandShells(options.folder, options.environment);
    const { terminals } = options;
    this.store.add(terminals.onInput(({ sessionId, data }) => this.live.get(sessionId)?.typed(data)));
    this.store.add(
      terminals.onTypedElsewhere(({ sessionId, characters }) => this.live.get(sessionId)?.typedElsewhere(characters)),
    );
  }

  /** Rejects with `InvalidCwd`, `ResourceLimit` or `Unavailable` where the command could not be started or was lost. */
  async run(request: CommandRequest): Promise<CommandResult> {
    const { conversationId, toolCallId, commandLine, timeoutMs, cwd } = request;
    await checkCwd(cwd);
    const shell = await this.shells.of(conversationId);
    const prepared = shell.prepare(commandLine);
    const program = {
      file: shell.file,
      args: prepared.args,
      env: quietVariables,
      owner: { kind: 'agent', conversationId, toolCallId, commandLine },
    } as const;
    const command = await this.start(request, program, (terminal) => this.follow(terminal, request));
    request.onStarted(command.sessionId);
    const result = await this.answer(command, request, timeoutMs);
    if (result.cause !== 'exited') this.discardLater(command, prepared);
    const cwdAfter = result.cause === 'exited' ? await prepared.carryOver() : undefined;
    return { ...result, ...(cwdAfter !== undefined && { cwdAfter }) };
  }

  /** As `run`, for somebody who is no agent. */
  async runPlain(request: PlainCommandRequest): Promise<CommandResult> {
    await checkCwd(request.cwd);
    const shell = await this.shells.plain();
    const program = {
      file: shell.file,
      args: shell.argsFor(request.commandLine),
      env: { ...quietVariables, ...request.env },
      owner: { kind: 'person' },
    } as const;
    const command = await this.start(request, program, (terminal) => this.follow(terminal, request));
    return this.answer(command, request, request.timeoutMs);
  }

  /** Lets a command go on without whoever waits for it, and without a time limit. Rejects with `NotFound`. */
  async background(sessionId: TerminalId): Promise<void> {
    const command = this.live.get(sessionId);
    if (!command) {
      throw new CodedError('NotFound', 'No command of this window runs in that terminal.', { args: { sessionId } });
    }
    command.limit(null);
    command.goOn('background');
    await this.options.terminals.setBackground(sessionId, null);
  }

  /** A command that this server follows. */
  find(sessionId: TerminalId): RunningCommand | undefined {
    return this.live.get(sessionId);
  }

  /** What a command of this server has printed, whether it runs or has ended not long ago. */
  recordingOf(sessionId: TerminalId): CommandRecording | undefined {
    return this.live.get(sessionId)?.recording ?? this.remembered.get(sessionId);
  }

  /** Follows a command that a server which is gone has started. */
  takeUp(
    terminal: TerminalInfo,
    options: { conversationId: ConversationId; maxOutputChars: number; timeoutMs: number | null },
  ): RunningCommand {
    const known = this.live.get(terminal.sessionId);
    if (known) return known;
    const command = this.follow(terminal, options, true);
    if (options.timeoutMs !== null) {
      const spentMs = this.options.clock.now() - terminal.createdAt;
      command.limit(options.timeoutMs, spentMs);
    }
    if (terminal.status === 'active') this.noteBackground(command);
    return command;
  }

  /** Answers everybody who waits: this server is about to end, and the commands are not. */
  letGo(): void {
    this.isLetGo = true;
    for (const command of this.live.values()) command.goOn('serverEnds');
  }

  /** Forgets what has exited and what was carried over. Commands that still run go on in their terminals. */
  async dispose(): Promise<void> {
    this.isLetGo = true;
    this.store.dispose();
    const live = [...this.live.values()];
    for (const command of live) command.dispose();
    await Promise.allSettled(live.map(({ ended }) => ended));
    await Promise.all([...this.ended.keys()].map((sessionId) => this.forget(sessionId)));
    await this.shells.dispose();
    await this.options.files.settled();
    await fs.rm(this.options.folder, { recursive: true, force: true });
  }

  private async start(
    request: Pick<CommandRequest, 'commandLine' | 'cwd' | 'timeoutMs'> & { readonly name?: string | undefined },
    program: Pick<TerminalProgram, 'file' | 'args' | 'env' | 'owner'>,
    follow: (terminal: TerminalInfo) => RunningCommand,
  ): Promise<RunningCommand> {
    const { commandLine, cwd, timeoutMs } = request;
    const name = request.name ?? commandLine.split('\n', 1)[0]?.slice(0, 80) ?? 'command';
    const command = { commandLine, timeoutMs };
    return follow(await this.options.terminals.start({ ...program, ...size, cwd, name, command }));
  }

  private follow(
    { sessionId, createdAt }: TerminalInfo,
    request: Pick<CommandRequest, 'maxOutputChars' | 'onWaitsForInput'> & { readonly conversationId?: ConversationId },
    isTakenUp = false,
  ): RunningCommand {
    const { terminals, files, clock, logger } = this.options;
    const { conversationId = null, maxOutputChars, onWaitsForInput } = request;
    const command = new RunningCommand(
      {
        ...{ terminals, files, clock, logger, sessionId, conversationId, maxOutputChars, startedAt: createdAt },
        ...(onWaitsForInput && { onWaitsForInput }),
      },
      isTakenUp,
    );
    this.live.set(sessionId, command);
    command.ended
      .then(({ durationMs }) => this.noteEnd(command, durationMs))
      .catch(() => undefined)
      .finally(() => this.live.delete(sessionId));
    return command;
  }

  /** Waits for the command, and stops it where nobody wants it any more. */
  private async answer(
    command: RunningCommand,
    { signal, background = false }: Pick<CommandRequest, 'signal' | 'background'>,
    timeoutMs: number | null,
  ): Promise<CommandResult> {
    const stop = (): void => {
      if (!this.isLetGo) command.stopSoon();
    };
    command.limit(timeoutMs);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    const timer = background ? this.options.clock.after(firstOutputMs, () => command.goOn('background')) : undefined;
    try {
      const cause = await command.answered;
      if (cause === 'background' || cause === 'unanswered') this.noteBackground(command);
      return { ...command.state, terminalId: command.sessionId, cause };
    } finally {
      timer?.dispose();
      signal.removeEventListener('abort', stop);
    }
  }

  /** Commands went on without waiting for this one: what it leaves when it ends is older than what they have left. */
  private discardLater(command: RunningCommand, prepared: PreparedCommand): void {
    const discard = (): Promise<void> => prepared.discard();
    command.ended.then(discard, discard).catch((error: unknown) => {
      this.options.logger.debug('The variables of a command could not be removed', { error });
    });
  }

  private noteBackground({ sessionId, timeLimitMs }: RunningCommand): void {
    const { terminals, logger } = this.options;
    terminals.setBackground(sessionId, timeLimitMs).catch((error: unknown) => {
      // It may have ended meanwhile; anything else only keeps it in the tab of its conversation.
      logger.debug('A command could not be noted as one in the background', { sessionId, error });
    });
  }

  private noteEnd({ sessionId, recording }: RunningCommand, durationMs: number | null): void {
    this.remembered.set(sessionId, recording);
    const [oldest] = this.remembered.keys();
    if (this.remembered.size > maxRemembered && oldest !== undefined) this.remembered.delete(oldest);
    this.ended.set(
      sessionId,
      this.options.clock.after(keepEndedMs, () => void this.forget(sessionId)),
    );
    this.options.logger.debug('A command has ended', { sessionId, durationMs });
  }

  /** Never rejects: a terminal that stays is listed, and is forgotten after a while. */
  private async forget(sessionId: TerminalId): Promise<void> {
    this.ended.get(sessionId)?.dispose();
    this.ended.delete(sessionId);
    try {
      await this.options.terminals.forget(sessionId);
    } catch (error) {
      this.options.logger.debug('A command that has ended could not be forgotten', { sessionId, error });
    }
  }
}
