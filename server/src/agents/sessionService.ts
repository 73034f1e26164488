import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { ParsedParamsOf, ResultOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { ConfigOption, ConversationSummary } from '../../protocol/session.ts';
import type { ConversationId } from '../../protocol/sessionEvents.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Client, RequestContext } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { Conversation, type ConversationPorts } from './conversation.ts';
import type { EarlierPage } from './earlierPage.ts';
import type { Broadcaster, ConversationJournal, JournalSummary, ModelChoices } from './ports.ts';

const maxOpenConversations = 32;
const closeAfterIdleMs = 5 * 60_000;
const sweepEveryMs = 60_000;
/** What was said is worth more to whoever opens a conversation than the names of all models, which come later too. */
const attachWaitsForModelsMs = 50;
const maxPromptChars = 4 * 1024 * 1024;

export interface SessionServiceOptions extends ConversationPorts {
  readonly broadcaster: Broadcaster;
}

/** The conversations of this server: opened when somebody needs them, closed when nobody does. */
export class SessionService {
  private readonly options: SessionServiceOptions;
  private readonly open = new Map<ConversationId, Promise<Conversation>>();
  private readonly opened = new Map<ConversationId, Conversation>();
  /** A conversation that is being closed must not be opened before its lock is free. */
  private readonly closing = new Map<ConversationId, Promise<void>>();
  /** How many requests each conversation is needed by now: those are not closed for want of memory or room. */
  private readonly uses = new Map<ConversationId, number>();
  private sweep: Disposable;
  private isClosed = false;

  constructor(options: SessionServiceOptions) {
    this.options = options;
    this.sweep = this.scheduleSweep();
  }

  /** Number of conversations that are open now. */
  get openCount(): number {
    return this.open.size;
  }

  async create(cwd: string): Promise<{ sessionId: ConversationId; configOptions: ConfigOption[] }> {
    await requireFolder(cwd);
    await this.makeRoom();
    const { journals, workspace, broadcaster } = this.options;
    const workspaceFolders = workspace.folders.length > 0 ? workspace.folders : [cwd];
    const journal = await journals.create({ cwd, workspaceFolders });
    const conversation = this.wrap(journal);
    this.open.set(conversation.id, Promise.resolve(conversation));
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
      return title !== '' || unopenable !== undefined || this.opened.has(conversationId);
    });
    const summaries = begun.map((summary) => this.toSummary(summary));
    const wanted = cwd === undefined ? summaries : summaries.filter((summary) => summary.cwd === cwd);
    return wanted.sort((a, b) => b.updatedAt - a.updatedAt).slice(0, limit);
  }

  /** Rejects with the signal's reason if the client has gone meanwhile: nobody would notice that it left. */
  async attach(
    id: ConversationId,
    fromSequence: number | undefined,
    client: Client,
    signal?: AbortSignal,
  ): Promise<ResultOf<'session/attach'>> {
    return this.use(id, async (conversation) => {
      const [choices] = await Promise.all([
        this.options.models.choices(attachWaitsForModelsMs),
        lookForWriteAccess(conversation, this.options.logger),
      ]);
      const configOptions = modelOptions(choices, conversation.model);
      signal?.throwIfAborted();
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
    this.opened.get(id)?.detach(client);
  }

  /** What stands before an event; rejects with the signal's reason once nobody waits for it. */
  async earlier(
    id: ConversationId,
    wanted: { readonly beforeSequence: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<EarlierPage> {
    return this.use(id, (conversation) => conversation.earlier(wanted.beforeSequence, wanted.limit, signal));
  }

  async commands(id: ConversationId, limit: number): Promise<ResultOf<'session/commands'>['commands']> {
    return this.use(id, (conversation) => conversation.pastCommands(limit));
  }

  async prompt(params: ParsedParamsOf<'session/prompt'>, context: RequestContext): Promise<ResultOf<'session/prompt'>> {
    if (JSON.stringify(params.prompt).length > maxPromptChars) {
      throw new CodedError('ResourceLimit', 'The prompt is longer than 4 MiB. Name the files instead of pasting them.');
    }
    return this.use(params.sessionId, (conversation) =>
      untilAbandoned(conversation, context, () => conversation.prompt(params.prompt, context.client)),
    );
  }

  async goOn(id: ConversationId, context: RequestContext): Promise<ResultOf<'session/continue'>> {
    return this.use(id, (conversation) =>
      untilAbandoned(conversation, context, () => conversation.goOn(context.client)),
    );
  }

  /** Ends the running turn. A conversation that is not open has none. */
  cancel(id: ConversationId): void {
    this.opened.get(id)?.cancel();
  }

  async answerPermission(id: ConversationId, requestId: string, optionId: string): Promise<void> {
    await this.use(id, (conversation) => conversation.answerPermission(requestId, optionId));
  }

  async setConfigOption(id: ConversationId, configId: string, value: string): Promise<ConfigOption[]> {
    if (configId !== 'model')
      throw new CodedError('NotFound', `A conversation has no option "${configId}"; it has "model".`);
    if (!this.options.models.isModelName(value)) {
      throw new CodedError('NotFound', `"${value}" names no model. Write provider/model, such as ollama/qwen3-coder.`);
    }
    await this.use(id, (conversation) => conversation.setModel(value));
    return this.configOptions(value);
  }

  async rename(id: ConversationId, title: string): Promise<void> {
    await this.use(id, (conversation) => conversation.rename(title));
  }

  async delete(id: ConversationId): Promise<void> {
    if (await this.isUnopenable(id)) await this.options.journals.delete(id);
    else await this.deleteOpened(id);
    this.options.audit.tell({ kind: 'conversation.deleted', details: { conversationId: id } });
    this.options.broadcaster.notifyAll('session/changed', { sessionId: id, session: null });
  }

  private async deleteOpened(id: ConversationId): Promise<void> {
    await this.use(id, async (conversation) => {
      if (conversation.isRunning)
        throw new CodedError('Conflict', 'A turn is running in this conversation. Stop it first.');
      await this.closeOne(id, conversation);
      await this.options.journals.delete(id);
    });
  }

  /** What is no journal any more can be got rid of all the same. */
  private async isUnopenable(id: ConversationId): Promise<boolean> {
    try {
      await this.get(id);
      return false;
    } catch (error) {
      const isThere = error instanceof CodedError && (error.reason === 'Unavailable' || error.reason === 'Unsupported');
      if (this.isClosed || !isThere) throw error;
      return true;
    }
  }

  /**
   * Gives every journal free, as when nobody needs it any more: what watches a conversation has to attach anew. Rejects
   * with `Conflict`, and closes nothing, while a turn runs.
   */
  async closeAll(): Promise<void> {
    this.refuseWhileTurnRuns();
    const conversations = [...this.opened.values()];
    await Promise.all(conversations.map((conversation) => this.closeOne(conversation.id, conversation)));
  }

  /** Throws `Conflict` while a turn runs. */
  refuseWhileTurnRuns(): void {
    const running = [...this.opened.values()].find((conversation) => conversation.isRunning);
    if (running === undefined) return;
    const title = running.summary().title.slice(0, 80);
    throw new CodedError('Conflict', `A turn is running in the conversation "${title}". Stop it first.`);
  }

  /** Ends every turn as interrupted and gives every journal free. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.sweep.dispose();
    const results = await Promise.allSettled([...this.open.values()].map(async (opening) => (await opening).close()));
    for (const result of results) {
      if (result.status === 'rejected')
        this.options.logger.error('A conversation did not close', { error: result.reason });
    }
    this.open.clear();
    this.opened.clear();
  }

  /** Does `work` with a conversation, which is opened for it if need be, and stays open until that is done. */
  private async use<T>(id: ConversationId, work: (conversation: Conversation) => T | Promise<T>): Promise<T> {
    this.uses.set(id, (this.uses.get(id) ?? 0) + 1);
    try {
      return await work(await this.get(id));
    } finally {
      const left = (this.uses.get(id) ?? 0) - 1;
      if (left > 0) this.uses.set(id, left);
      else this.uses.delete(id);
    }
  }

  private async get(id: ConversationId): Promise<Conversation> {
    if (this.isClosed) throw new CodedError('Unavailable', 'The server is shutting down. Try again in a moment.');
    const known = this.open.get(id);
    if (known) {
      const conversation = await known;
      conversation.touch();
      return conversation;
    }
    const opening = this.openOne(id);
    this.open.set(id, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.open.get(id) === opening) this.open.delete(id);
      throw error;
    }
  }

  private async openOne(id: ConversationId): Promise<Conversation> {
    await this.closing.get(id);
    await this.makeRoom();
    const conversation = this.wrap(await this.options.journals.open(id));
    await endInterruptedTurn(conversation, this.options.logger);
    return conversation;
  }

  private wrap(journal: ConversationJournal): Conversation {
    const conversation = new Conversation(journal, this.options, (session) => {
      this.options.broadcaster.notifyAll('session/changed', { sessionId: session.sessionId, session });
    });
    this.opened.set(conversation.id, conversation);
    return conversation;
  }

  private async closeOne(id: ConversationId, conversation: Conversation): Promise<void> {
    this.open.delete(id);
    this.opened.delete(id);
    const closing = conversation.close();
    const settled = closing
      .catch(() => undefined)
      .then(() => {
        if (this.closing.get(id) === settled) this.closing.delete(id);
      });
    this.closing.set(id, settled);
    await closing;
  }

  private async makeRoom(): Promise<void> {
    if (this.open.size < maxOpenConversations) return;
    const idle = this.unused();
    const oldest = idle.sort((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0))[0];
    if (!oldest) {
      throw new CodedError(
        'ResourceLimit',
        `${maxOpenConversations} conversations are open and in use. Close one before opening another.`,
      );
    }
    await this.closeOne(oldest.id, oldest);
  }

  private scheduleSweep(): Disposable {
    return this.options.clock.after(sweepEveryMs, () => {
      void this.closeIdle().finally(() => {
        if (!this.isClosed) this.sweep = this.scheduleSweep();
      });
    });
  }

  /** Closes what nobody watches and nothing runs in, however short a time that has been so. Never rejects. */
  closeUnused(): Promise<number> {
    return this.closeIdle(0);
  }

  /** Answers how many were closed. */
  private async closeIdle(afterMs = closeAfterIdleMs): Promise<number> {
    let closed = 0;
    const deadline = this.options.clock.now() - afterMs;
    for (const conversation of this.unused()) {
      // Closing those before took time, in which somebody may have come for this one, or have closed it.
      if (!this.unused().includes(conversation) || (conversation.idleSince ?? Infinity) > deadline) continue;
      try {
        await this.closeOne(conversation.id, conversation);
        closed += 1;
      } catch (error) {
        this.options.logger.error('An idle conversation did not close', { conversationId: conversation.id, error });
      }
    }
    return closed;
  }

  private unused(): Conversation[] {
    return [...this.opened.values()].filter(({ id, idleSince }) => idleSince !== undefined && !this.uses.has(id));
  }

  private async configOptions(chosen: string | null): Promise<ConfigOption[]> {
    return modelOptions(await this.options.models.choices(), chosen);
  }

  private toSummary(summary: JournalSummary): ConversationSummary {
    const open = this.opened.get(summary.conversationId);
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

/** Whoever held the conversation may have gone since it was opened, in the middle of a turn perhaps. */
async function lookForWriteAccess(conversation: Conversation, logger: Logger): Promise<void> {
  const before = conversation.summary().access;
  await conversation.lookForWriteAccess();
  if (before === 'read') await endInterruptedTurn(conversation, logger);
}

async function endInterruptedTurn(conversation: Conversation, logger: Logger): Promise<void> {
  try {
    await conversation.endInterruptedTurn();
  } catch (error) {
    // A full disk must not keep anybody from reading; the next turn tries again.
    logger.warn('An interrupted turn could not be ended in its journal', { conversationId: conversation.id, error });
  }
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
