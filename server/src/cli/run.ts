import { text as readAll } from 'node:stream/consumers';
import type { ParamsOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { ConversationId, SessionEvent, SessionUpdate, StopReason } from '../../protocol/sessionEvents.ts';
import type { LogLevel } from '../base/logger.ts';
import { conversationNamed } from './conversations.ts';
import { exitCodes } from './exitCodes.ts';
import { withLocalServer, type LocalServer, type ServerMessage } from './localServer.ts';
import { createProcessLogger } from './processLogger.ts';
import { terminalOutput } from './terminalOutput.ts';
import { createTurnPrinter } from './turnPrinter.ts';

/** An event with the conversation that it belongs to. */
export type ConversationEvent = SessionEvent & { readonly sessionId: ConversationId };

/** What `--approve` may say: nothing with effects, edits of files, or commands as well. */
export const approvals = ['none', 'edits', 'all'] as const;

export interface RunOptions {
  readonly model?: string;
  /** Id of the one to go on with, or as much of it as no other begins with. */
  readonly conversation?: string;
  readonly workspace: string;
  readonly approve: (typeof approvals)[number];
  readonly json?: true;
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
}

/** One turn of the agent in this terminal. Sets the exit code; ^C cancels the turn and then ends. */
export async function runTurn(promptArgument: string, options: RunOptions): Promise<void> {
  const prompt = promptArgument === '-' ? await readAll(process.stdin) : promptArgument;
  if (prompt.trim() === '') throw new CodedError('InvalidParams', 'The prompt is empty.');
  // Whatever ends this process before the turn is done must not look like success to a script.
  process.exitCode = exitCodes.failed;
  const { logger } = createProcessLogger(options.logLevel ?? 'warn');
  const { dataDir, workspace } = options;
  process.exitCode = await withLocalServer({ dataDir, workspace, logger, startsPtyHost: true }, (server) =>
    new CommandLineTurn(server, options).run(prompt, server.workspace.folders[0]?.path ?? process.cwd()),
  );
}

/** The client that a turn on the command line is: prints what happens, answers questions as `--approve` says. */
class CommandLineTurn {
  private readonly server: LocalServer;
  private readonly options: RunOptions;
  private readonly print: (event: ConversationEvent) => void;
  private readonly kinds = new Map<string, string>();
  private refused = false;

  constructor(server: LocalServer, options: RunOptions) {
    this.server = server;
    this.options = options;
    this.print = createTurnPrinter(terminalOutput, options.json === true);
    server.onNotification((message) => this.notified(message));
  }

  async run(prompt: string, cwd: string): Promise<number> {
    const sessionId = await this.conversation(cwd);
    await this.server.call('session/attach', { sessionId });
    if (this.options.model !== undefined) {
      await this.server.call('session/set_config_option', { sessionId, configId: 'model', value: this.options.model });
    }
    const cancel = (): void => this.server.send('session/cancel', { sessionId });
    process.once('SIGINT', cancel);
    try {
      const content: ParamsOf<'session/prompt'>['prompt'] = [{ type: 'text', text: prompt }];
      const result = await this.server.call('session/prompt', { sessionId, prompt: content });
      if (process.stderr.isTTY || result.stopReason !== 'end_turn') this.sayHowToGoOn(sessionId);
      return this.exitCode(result.stopReason);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      terminalOutput.tell(`ai-dev-assistant: ${error.message}\n`);
      // Held elsewhere: the same call would fail in the same way.
      if (error.reason !== 'Conflict') this.sayHowToGoOn(sessionId);
      return this.refused ? exitCodes.refused : exitCodes.failed;
    } finally {
      process.off('SIGINT', cancel);
    }
  }

  private async conversation(cwd: string): Promise<ConversationId> {
    const { conversation } = this.options;
    if (conversation !== undefined) return conversationNamed(this.server, conversation);
    return (await this.server.call('session/new', { cwd })).sessionId;
  }

  private sayHowToGoOn(sessionId: ConversationId): void {
    if (this.options.json === true) return;
    terminalOutput.tell(`Go on with: ai-dev-assistant run --conversation ${sessionId.slice(0, 8)} "…"\n`);
  }

  private exitCode(stopReason: StopReason): number {
    if (this.refused) return exitCodes.refused;
    if (stopReason === 'end_turn') return exitCodes.done;
    return stopReason === 'max_turn_requests' ? exitCodes.budgetSpent : exitCodes.failed;
  }

  private notified({ method, params }: ServerMessage): void {
    if (method !== 'session/update') return;
    const { sessionId } = params;
    const update = params.update as SessionUpdate;
    this.print({ ...params, update } as ConversationEvent);
    if (update.sessionUpdate === 'tool_call') this.kinds.set(update.toolCallId, update.kind);
    if (update.sessionUpdate === 'permission_requested') this.answer(sessionId, update);
  }

  private answer(sessionId: string, question: Extract<SessionUpdate, { sessionUpdate: 'permission_requested' }>): void {
    const kind = this.kinds.get(question.toolCallId);
    const covered = this.options.approve === 'all' || (this.options.approve === 'edits' && kind === 'edit');
    const wanted = covered ? 'allow_once' : 'reject_once';
    const option = question.options.find((candidate) => candidate.kind === wanted) ?? question.options.at(-1);
    if (!covered) {
      this.refused = true;
      terminalOutput.tell(`Refused, since --approve ${this.options.approve} does not cover it: ${question.detail}\n`);
    }
    const { requestId } = question;
    this.server
      .call('session/answer_permission', { sessionId, requestId, optionId: option?.optionId ?? '' })
      .catch((error: unknown) => terminalOutput.tell(`ai-dev-assistant: ${(error as Error).message}\n`));
  }
}
