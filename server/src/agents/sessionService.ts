import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { ParsedParamsOf, ResultOf } from '../../protocol/contract.ts';
import { includesScope } from '../../protocol/declaration.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { ConfigOption, ConversationSummary } from '../../protocol/session.ts';
import type { ConversationId } from '../../protocol/sessionEvents.ts';
import type { Client, RequestContext } from '../base/handlers.ts';
import type { Conversation } from './conversation.ts';
import type { EarlierPage } from './earlierPage.ts';
import { refuseToKeepMore } from './guestConversations.ts';
import { OpenConversations, type OpenConversationsOptions } from './openConversations.ts';
import type { JournalSummary, ModelChoices } from './ports.ts';

/** What was said is worth more to whoever opens a conversation than the names of all models, which come later too. */
const attachWaitsForModelsMs = 50;
const maxPromptChars = 4 * 1024 * 1024;

/** What clients do with the conversations of this server. */
export class SessionService {
  private readonly options: OpenConversationsOptions;
  private readonly conversations: OpenConversations;

  constructor(options: OpenConversationsOptions) {
    this.options = options;
    this.conversations = new OpenConversations(options);
  }

  /** Number of conversations that are open now. */
  get openCount(): number {
    return this.conversations.size;
  }

  async create(cwd: string): Promise<{ sessionId: ConversationId; configOptions: ConfigOption[] }> {
    await requireFolder(cwd);
    const { journals, workspace, broadcaster } = this.options;
    const workspaceFolders = workspace.folders.length > 0 ? workspace.folders : [cwd];
    const conversation = await this.conversations.begin(() => journals.create({ cwd, workspaceFolders }));
    broadcaster.notifyAll('session/changed', { sessionId: conversation.id, session: conversation.summary() });
    return { sessionId: conversation.id, configOptions: await this.configOptions(null) };
  }

  /**
   * The conversations of the open workspace, the latest first and at most `limit` of them; only the ones about `cwd`,
   * if it is given.
   */
  async list(cwd: string | undefined, limit = Infinity): Promise<ConversationSummary[]> {
    const { journals, workspace } = this.options;
    const folders = workspace.folders.length > 0 || cwd === undefined ? workspace.folders : [cwd];
    // A conversation in which nothing was ever said is none that anybody looks for, unless somebody has it open now.
    const begun = (await journals.list(folders)).filter(({ conversationId, title, unopenable }) => {
      return title !== '' || unopenable !== undefined || this.conversations.find(conversationId) !== undefined;
    });
    const summaries = begun.map((summary) => this.toSummary(summary));
    const wanted = cwd === undefined ? summaries : summaries.filter((summary) => summary.cwd === cwd);
    return wanted.sort((a, b) => b.updatedAt - a.updatedAt).slice(0, limit);
  }

  /**
   * Rejects with the signal's reason if the client has gone meanwhile, since nobody would notice that it left, and with
   * `ResourceLimit` where a guest watches as many conversations as it may.
   */
  async attach(
    id: ConversationId,
    fromSequence: number | undefined,
    client: Client,
    signal?: AbortSignal,
  ): Promise<ResultOf<'session/attach'>> {
    return this.use(id, client, async (conversation) => {
      const [choices] = await Promise.all([
        this.options.models.choices(attachWaitsForModelsMs),
        includesScope(client.scope, 'agent') ? conversation.lookForWriteAccess() : undefined,
      ]);
      const configOptions = modelOptions(choices, conversation.model);
      signal?.throwIfAborted();
      refuseToKeepMore(client, conversation, this.conversations.all);
      // Nothing may be awaited between taking the events and listening for the next.
      const attachment = conversation.attach(client, fromSequence);
      const { sessionId, title, cwd, access, running, unsavedEnd } = conversation.summary();
      const readOnlyReason = conversation.storageRefusal?.message;
      const { unreadable } = conversation;
      const more = { ...(readOnlyReason !== undefined && { readOnlyReason }), ...(unsavedEnd && { unsavedEnd }) };
      const place = { sessionId, title, cwd, access, running, ...more, ...(unreadable && { unreadable }) };
      return { ...place, ...attachment, configOptions };
    });
  }

  detach(id: ConversationId, client: Client): void {
    this.conversations.find(id)?.detach(client);
  }

  /** What stands before an event; rejects with the signal's reason once nobody waits for it. */
  async earlier(
    id: ConversationId,
    wanted: { readonly beforeSequence: number; readonly limit: number },
    { client, signal }: Pick<RequestContext, 'client' | 'signal'>,
  ): Promise<EarlierPage> {
    return this.use(id, client, (conversation) => conversation.earlier(wanted.beforeSequence, wanted.limit, signal));
  }

  async commands(id: ConversationId, limit: number, client: Client): Promise<ResultOf<'session/commands'>['commands']> {
    return this.use(id, client, (conversation) => conversation.pastCommands(limit));
  }

  async prompt(params: ParsedParamsOf<'session/prompt'>, context: RequestContext): Promise<ResultOf<'session/prompt'>> {
    if (JSON.stringify(params.prompt).length > maxPromptChars) {
      throw new CodedError('ResourceLimit', 'The prompt is longer than 4 MiB. Name the files instead of pasting them.');
    }
    return this.change(params.sessionId, (conversation) =>
      this.runTurn(conversation, context, () => conversation.prompt(params.prompt, context.client)),
    );
  }

  async goOn(id: ConversationId, context: RequestContext): Promise<ResultOf<'session/continue'>> {
    return this.change(id, (conversation) =>
      this.runTurn(conversation, context, () => conversation.goOn(context.client)),
    );
  }

  /** Ends the running turn. A conversation that is not open has none. */
  cancel(id: ConversationId): void {
    this.conversations.find(id)?.cancel();
  }

  async answerPermission(id: ConversationId, requestId: string, optionId: string): Promise<void> {
    await this.change(id, (conversation) => conversation.answerPermission(requestId, optionId));
  }

  async setConfigOption(id: ConversationId, configId: string, value: string): Promise<ConfigOption[]> {
    if (configId !== 'model')
      throw new CodedError('NotFound', `A conversation has no option "${configId}"; it has "model".`);
    if (!this.options.models.isModelName(value)) {
      throw new CodedError('NotFound', `"${value}" names no model. Write provider/model, such as ollama/qwen3-coder.`);
    }
    await this.change(id, (conversation) => conversation.setModel(value));
    return this.configOptions(value);
  }

  async rename(id: ConversationId, title: string): Promise<void> {
    await this.change(id, (conversation) => conversation.rename(title));
  }

  async delete(id: ConversationId): Promise<void> {
    if (await this.isUnopenable(id)) await this.options.journals.delete(id);
    else await this.deleteOpened(id);
    this.options.audit.tell({ kind: 'conversation.deleted', details: { conversationId: id } });
    this.options.broadcaster.notifyAll('session/changed', { sessionId: id, session: null });
  }

  private async deleteOpened(id: ConversationId): Promise<void> {
    await this.change(id, async (conversation) => {
      if (conversation.isRunning)
        throw new CodedError('Conflict', 'A turn is running in this conversation. Stop it first.');
      await this.conversations.closeOne(conversation);
      await this.options.journals.delete(id);
    });
  }

  /** What is no journal any more can be got rid of all the same. */
  private async isUnopenable(id: ConversationId): Promise<boolean> {
    try {
      await this.conversations.get(id, 'writing');
      return false;
    } catch (error) {
      const isThere = error instanceof CodedError && (error.reason === 'Unavailable' || error.reason === 'Unsupported');
      if (this.conversations.isClosed || !isThere) throw error;
      return true;
    }
  }

  /**
   * Gives every journal free, as when nobody needs it any more: what watches a conversation has to attach anew. Rejects
   * with `Conflict`, and closes nothing, while a turn runs.
   */
  async closeAll(): Promise<void> {
    this.refuseWhileTurnRuns();
    await Promise.all(this.conversations.all.map((conversation) => this.conversations.closeOne(conversation)));
  }

  /** Throws `Conflict` while a turn runs. */
  refuseWhileTurnRuns(): void {
    const running = this.conversations.all.find((conversation) => conversation.isRunning);
    if (running === undefined) return;
    const title = running.summary().title.slice(0, 80);
    throw new CodedError('Conflict', `A turn is running in the conversation "${title}". Stop it first.`);
  }

  /** Ends every turn as interrupted and gives every journal free. */
  close(): Promise<void> {
    return this.conversations.close();
  }

  /** Closes what nobody watches and nothing runs in, however short a time that has been so. Never rejects. */
  closeUnused(): Promise<number> {
    return this.conversations.closeUnused();
  }

  /** Who may not write keeps nobody else from writing. */
  private use<T>(
    id: ConversationId,
    client: Pick<Client, 'scope'>,
    work: (conversation: Conversation) => T | Promise<T>,
  ): Promise<T> {
    return this.conversations.use(id, includesScope(client.scope, 'agent') ? 'writing' : 'reading', work);
  }

  private runTurn<T>(conversation: Conversation, context: RequestContext, run: () => Promise<T>): Promise<T> {
    refuseToKeepMore(context.client, conversation, this.conversations.all);
    return untilAbandoned(conversation, context, run);
  }

  private change<T>(id: ConversationId, work: (conversation: Conversation) => T | Promise<T>): Promise<T> {
    return this.conversations.use(id, 'writing', work);
  }

  private async configOptions(chosen: string | null): Promise<ConfigOption[]> {
    return modelOptions(await this.options.models.choices(), chosen);
  }

  private toSummary(summary: JournalSummary): ConversationSummary {
    const open = this.conversations.find(summary.conversationId);
    const details = summary.details && { details: summary.details };
    if (open) return { ...open.summary(), ...details };
    const { conversationId: sessionId, title, cwd, createdAt, updatedAt, importedAt, unopenable } = summary;
    const access = summary.lockedElsewhere || unopenable !== undefined ? 'read' : 'write';
    const more = { ...(importedAt !== undefined && { importedAt }), ...(unopenable !== undefined && { unopenable }) };
    const running = summary.runsElsewhere;
    return { sessionId, title, cwd, createdAt, updatedAt, access, running, ...more, ...details };
  }
}

function modelOptions({ models, defaultModel }: ModelChoices, chosen: string | null): ConfigOption[] {
  const currentValue = chosen ?? defaultModel ?? '';
  const options = models.map(({ id, name }) => ({ value: id, name }));
  if (currentValue !== '' && !options.some(({ value }) => value === currentValue)) {
    options.push({ value: currentValue, name: currentValue });
  }
  return [{ id: 'model', name: 'Model', type: 'select', category: 'model', currentValue, options }];
}

/**
 * Runs a turn for a request. When its caller cancels or goes away, the turn goes on as long as somebody watches it: a
 * panel that was hidden comes back, and `session/cancel` is there to end a turn.
 */
async function untilAbandoned<T>(
  conversation: Conversation,
  context: RequestContext,
  run: () => Promise<T>,
): Promise<T> {
  // A client that has gone is taken out of the audience in the same round of events, so look after that.
  const onAbort = (): void => {
    setImmediate(() => conversation.cancelIfUnwatched());
  };
  context.signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await run();
  } finally {
    context.signal.removeEventListener('abort', onAbort);
  }
}

async function requireFolder(cwd: string): Promise<void> {
  const problem = await findProblem(cwd);
  if (problem === undefined) return;
  const shown = cwd.slice(0, 500);
  throw new CodedError('InvalidCwd', `A conversation cannot start in "${shown}": ${problem}.`, {
    args: { cwd: shown },
  });
}

async function findProblem(cwd: string): Promise<string | undefined> {
  if (!path.isAbsolute(cwd)) return 'it is not an absolute path';
  try {
    return (await stat(cwd)).isDirectory() ? undefined : 'it is not a folder';
  } catch {
    return 'it does not exist or cannot be read';
  }
}
