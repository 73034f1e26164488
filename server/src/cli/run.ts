import { text as readAll } from 'node:stream/consumers';
import type { ParamsOf, ServerNotification } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { ConversationId, SessionEvent, SessionUpdate, StopReason } from '../../protocol/sessionEvents.ts';
import { Emitter } from '../base/emitter.ts';
import type { Client } from '../base/handlers.ts';
import type { LogLevel } from '../base/logger.ts';
import { createServer, type Server } from '../createServer.ts';
import { prepareDataFolder, resolveDataFolder } from './dataFolder.ts';
import { exitCodes } from './exitCodes.ts';
import { localHandshake } from './localClient.ts';
import { createProcessLogger } from './processLogger.ts';
import { readSettingsFile } from './settingsFile.ts';
import { createTurnPrinter } from './turnPrinter.ts';

/** What `--approve` may say: nothing with effects, edits of files, or commands as well. */
export const approvals = ['none', 'edits', 'all'] as const;

export interface RunOptions {
  readonly model?: string;
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
  const dataFolder = resolveDataFolder(options.dataDir);
  prepareDataFolder(dataFolder);
  const environment = { ...process.env };
  const handshake = localHandshake(options.workspace, readSettingsFile(dataFolder, environment, logger));
  const server = createServer({ dataFolder, logger, environment });
  // The server's own timers keep no process alive: between two tries of a model call nothing else would.
  const alive = setInterval(() => undefined, 60_000);
  try {
    const turn = new CommandLineTurn(server, options);
    server.connect(turn.client, handshake);
    process.exitCode = await turn.run(prompt, handshake.workspace.folders[0]?.path ?? process.cwd());
  } finally {
    clearInterval(alive);
    await server.dispose();
  }
}

/** The client that a turn on the command line is: prints what happens, answers questions as `--approve` says. */
class CommandLineTurn {
  readonly client: Client;
  private readonly server: Server;
  private readonly options: RunOptions;
  private readonly print: (event: SessionEvent) => void;
  private readonly kinds = new Map<string, string>();
  private refused = false;

  constructor(server: Server, options: RunOptions) {
    this.server = server;
    this.options = options;
    this.print = createTurnPrinter(process.stdout, process.stderr, options.json === true);
    const closed = new Emitter<undefined>(() => undefined);
    this.client = {
      id: 'command-line',
      kind: 'commandLine',
      notify: (method, params) => this.notified(method, params),
      request: (method) => Promise.reject(new CodedError('Unsupported', `The command line cannot answer ${method}.`)),
      onClosed: (listener) => closed.on(listener),
    };
  }

  async run(prompt: string, cwd: string): Promise<number> {
    const { sessionId } = await this.call<{ sessionId: ConversationId }>('session/new', { cwd });
    await this.call('session/attach', { sessionId });
    if (this.options.model !== undefined) {
      await this.call('session/set_config_option', { sessionId, configId: 'model', value: this.options.model });
    }
    const cancel = (): void => void this.server.router.notification(this.client, 'session/cancel', { sessionId });
    process.once('SIGINT', cancel);
    try {
      const content: ParamsOf<'session/prompt'>['prompt'] = [{ type: 'text', text: prompt }];
      const result = await this.call<{ stopReason: StopReason }>('session/prompt', { sessionId, prompt: content });
      return this.exitCode(result.stopReason);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      process.stderr.write(`ai-dev-assistant: ${error.message}\n`);
      return this.refused ? exitCodes.refused : exitCodes.failed;
    } finally {
      process.off('SIGINT', cancel);
    }
  }

  private exitCode(stopReason: StopReason): number {
    if (this.refused) return exitCodes.refused;
    if (stopReason === 'end_turn') return exitCodes.done;
    return stopReason === 'max_turn_requests' ? exitCodes.budgetSpent : exitCodes.failed;
  }

  private notified<M extends ServerNotification>(method: M, params: ParamsOf<M>): void {
    if (method !== 'session/update') return;
    const { sessionId, ...event } = params as ParamsOf<'session/update'>;
    this.print(event as SessionEvent);
    const update = event.update as SessionUpdate;
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
      process.stderr.write(`Refused, since --approve ${this.options.approve} does not cover it: ${question.detail}\n`);
    }
    const { requestId } = question;
    this.call('session/answer_permission', { sessionId, requestId, optionId: option?.optionId ?? '' }).catch(
      (error: unknown) => process.stderr.write(`ai-dev-assistant: ${(error as Error).message}\n`),
    );
  }

  private async call<Result>(method: string, params: object): Promise<Result> {
    const answer = await this.server.router.request(this.client, method, params, new AbortController().signal);
    if ('result' in answer) return answer.result as Result;
    throw new CodedError(answer.error.data.reason, answer.error.message);
  }
}
