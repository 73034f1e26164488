import { CodedError } from '../../../protocol/errors.ts';
import type { ConversationId } from '../../../protocol/sessionEvents.ts';
import type { TerminalId } from '../../../protocol/terminal.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { CommandOutputFiles } from './commandOutputFiles.ts';
import type { CommandOutputs } from './commandOutputs.ts';
import { CommandPace } from './commandPace.ts';
import type { CommandRequest, CommandResult, CommandRunner } from './commandRunner.ts';
import { plainText } from './plainText.ts';
import { readLines, type OutputLines } from './outputReading.ts';
import type { OutputSource } from './outputSource.ts';
import { OutputBudget } from './outputBudget.ts';
import type { RunningCommand } from './runningCommand.ts';
import type { TerminalService } from '../terminalService.ts';

/** One command of one conversation. */
export interface OwnCommand {
  readonly conversationId: ConversationId;
  readonly terminalId: TerminalId;
  readonly signal: AbortSignal;
}

/** A command that was taken up again: how it stands, and its end if that is yet to come. */
export interface TakenUpCommand {
  readonly now: CommandResult;
  readonly end?: Promise<CommandResult>;
}

/** Output that the pty host has and we do not, after our start; it comes from a socket on this machine. */
const catchUpLimitMs = 5_000;
/** A stop ends with SIGKILL after three pauses; then this long for the last output. */
const endLimitMs = 15_000;

/** The commands of agents, as their tools use them: a conversation reaches its own and no others. */
export class AgentCommands {
  private readonly runner: CommandRunner;
  private readonly outputs: CommandOutputs;
  private readonly files: CommandOutputFiles;
  private readonly terminals: TerminalService;
  private readonly clock: Clock;
  private readonly pace: CommandPace;

  constructor(options: {
    runner: CommandRunner;
    outputs: CommandOutputs;
    files: CommandOutputFiles;
    terminals: TerminalService;
    clock: Clock;
  }) {
    this.runner = options.runner;
    this.outputs = options.outputs;
    this.files = options.files;
    this.terminals = options.terminals;
    this.clock = options.clock;
    this.pace = new CommandPace(options.clock);
  }

  /** Runs a command. Rejects with `RateLimited` where a conversation starts more than 20 within 10 s. */
  async run(request: CommandRequest): Promise<CommandResult> {
    this.pace.check(request.conversationId);
    return this.runner.run(request);
  }

  /** Some lines of what a command has printed, and how it stands. Rejects with `NotFound`. */
  async read(
    { conversationId, terminalId, signal }: OwnCommand,
    where: { readonly startLine?: number; readonly endLine?: number; readonly maxChars: number },
  ): Promise<OutputLines & Pick<CommandResult, 'exit' | 'waitsForInput'>> {
    const source = await this.outputs.open(terminalId, signal);
    try {
      if (source.conversationId !== conversationId) throw notOwn(terminalId);
      const lines = await readLines(source, where, signal);
      const waitsForInput = this.runner.find(terminalId)?.state.waitsForInput;
      return { ...lines, exit: source.exit, waitsForInput };
    } finally {
      await source.close();
    }
  }

  /** Stops a command and gives how it ended. One that has ended already is left as it is. Rejects with `NotFound`. */
  async stop({ conversationId, terminalId, signal }: OwnCommand): Promise<Pick<CommandResult, 'exit'>> {
    const command = this.runner.find(terminalId);
    if (command?.conversationId !== conversationId) {
      const source = await this.outputs.open(terminalId, signal);
      await source.close();
      if (source.conversationId !== conversationId) throw notOwn(terminalId);
      if (source.exit === null) {
        throw new CodedError('Conflict', 'This command runs under another window, which alone can stop it.');
      }
      return { exit: source.exit };
    }
    await command.stop();
    await this.within(endLimitMs, command.ended);
    return { exit: command.state.exit };
  }

  /** Takes up a command of a conversation that its server has left. Undefined where nothing is known of it. */
  async takeUp(request: {
    readonly conversationId: ConversationId;
    readonly toolCallId: string;
    readonly terminalId: TerminalId | undefined;
    readonly maxOutputChars: number;
  }): Promise<TakenUpCommand | undefined> {
    const { conversationId, toolCallId, terminalId, maxOutputChars } = request;
    const known = (await this.terminals.commandsOf(conversationId)).find(({ terminal }) =>
      terminalId === undefined
        ? terminal.owner.kind === 'agent' && terminal.owner.toolCallId === toolCallId
        : terminal.sessionId === terminalId,
    );
    if (!known) return terminalId && this.endedBefore(terminalId, conversationId, maxOutputChars);
    const { terminal, timeoutMs } = known;
    const command = this.runner.takeUp(terminal, { conversationId, maxOutputChars, timeoutMs });
    if (terminal.status === 'exited') await this.within(catchUpLimitMs, command.ended);
    else await command.caughtUp(terminal.producedBytes, catchUpLimitMs);
    const result = (): CommandResult => resultOf(command);
    return { now: result(), ...(!command.state.exit && { end: command.ended.then(result) }) };
  }

  /** Waits for the end of a command, or for so long. */
  private async within(limitMs: number, ended: Promise<unknown>): Promise<void> {
    let timer: Disposable | undefined;
    const over = new Promise<void>((resolve) => (timer = this.clock.after(limitMs, resolve)));
    try {
      await Promise.race([ended, over]);
    } finally {
      timer?.dispose();
    }
  }

  /** Its terminal is forgotten, but its file knows how it ended. */
  private async endedBefore(
    terminalId: TerminalId,
    conversationId: ConversationId,
    maxOutputChars: number,
  ): Promise<TakenUpCommand | undefined> {
    const source = await this.files.open(terminalId);
    if (!source) return undefined;
    try {
      if (!source.exit || source.conversationId !== conversationId) return undefined;
      const { text, omittedBytes } = await bothEnds(source, maxOutputChars);
      const { exit } = source;
      return {
        now: {
          ...{ terminalId, exit, omittedBytes, outputId: terminalId, durationMs: exit.durationMs, timedOut: false },
          ...{ output: plainText(text), cause: 'exited', waitsForInput: undefined, typed: [] },
        },
      };
    } finally {
      await source.close();
    }
  }
}

function resultOf(command: RunningCommand): CommandResult {
  const { state, sessionId } = command;
  return { ...state, terminalId: sessionId, cause: state.exit ? 'exited' : 'serverEnds' };
}

async function bothEnds(source: OutputSource, maxBytes: number) {
  const budget = new OutputBudget(maxBytes);
  let end = 0;
  for (;;) {
    const { offset, data } = await source.read(end, 65_536);
    if (data.length === 0) return budget.kept();
    budget.skip(offset - end);
    budget.add(data);
    end = offset + data.length;
  }
}

function notOwn(terminalId: TerminalId): CodedError {
  return new CodedError('NotFound', `This conversation has run no command in terminal ${terminalId}.`, {
    args: { terminalId },
  });
}
