import type { ParsedParamsOf, ResultOf } from '../../../../server/protocol/contract.ts';
import { CodedError } from '../../../../server/protocol/errors.ts';
import type { ConversationSummary } from '../../../../server/protocol/session.ts';
import type { ConversationId, SessionEvent } from '../../../../server/protocol/sessionEvents.ts';
import { isUp, type Bridge } from '../../bridge/bridge.ts';
import type { Disposable } from '../../bridge/disposable.ts';
import { errorText } from '../../bridge/errorText.ts';
import type { HostContext } from '../../bridge/host.ts';
import { t } from '../../strings.ts';
import type { AgentPanelState, OpenConversation } from '../state/agentPanelState.ts';
import { emptyView } from '../state/conversationView.ts';
import { earlierThan, withLoose } from '../state/earlierMessages.ts';
import { foldAttached, foldEvents, withoutRunningTurn } from '../state/foldEvents.ts';
import { FrameBatch } from '../state/frameBatch.ts';

/** Attaching again more often than this without an event in between means that the holes do not come from timing. */
const maxAttachesInARow = 4;
/** Events kept while an attach is under way; the attach's answer has most of them anyway. */
const maxEventsWhileAttaching = 5000;

/** Opens, follows, creates and deletes conversations. */
export class ConversationActions implements Disposable {
  private readonly bridge: Bridge;
  private readonly state: AgentPanelState;
  private readonly batch = new FrameBatch<SessionEvent>((events) => this.foldLive(events));
  private readonly subscriptions: readonly Disposable[];
  /** Answers of an attach that a later one has overtaken are ignored. */
  private attachNumber = 0;
  private attachesInARow = 0;
  private eventsWhileAttaching: SessionEvent[] | null = null;
  private attachedGeneration = -1;
  private hasNoPast = false;
  private readonly attachEnded: () => void;

  /** `attachEnded` is called whenever the panel is up to date with its conversation again. */
  constructor(bridge: Bridge, state: AgentPanelState, attachEnded: () => void) {
    this.bridge = bridge;
    this.state = state;
    this.attachEnded = attachEnded;
    this.subscriptions = [
      bridge.onNotification('session/update', (params) => this.receiveUpdate(params)),
      bridge.onNotification('session/changed', (params) => this.receiveChanged(params)),
    ];
  }

  /** Takes over the server's state; a new server process means attaching again. */
  receiveContext(context: HostContext): void {
    const isNewGeneration = context.serverGeneration !== this.attachedGeneration;
    if (!isUp(context.serverState) || !isNewGeneration) return;
    this.attachedGeneration = context.serverGeneration;
    this.attachesInARow = 0;
    const wanted = this.state.wantedSessionId.value;
    if (wanted !== null) void this.attach(wanted);
    else this.attachEnded();
    if (this.hasNoPast) void this.openLatest();
    if (this.state.sessions.value !== null) void this.refreshList();
  }

  /**
   * Says that no former life of this view is known: a new window, or one whose state VS Code could not save in time. It
   * then goes on with the conversation that was used last, unless that one belongs to another window.
   */
  startWithoutPast(): void {
    this.hasNoPast = true;
    this.state.isLoading.value = true;
  }

  private async openLatest(): Promise<void> {
    this.hasNoPast = false;
    const number = this.attachNumber;
    await this.refreshList();
    const latest = this.state.sessions.value?.find(({ unopenable }) => unopenable === undefined);
    this.state.isLoading.value = false;
    const isUntouched = number === this.attachNumber && this.state.wantedSessionId.value === null;
    if (latest?.access === 'write' && isUntouched) await this.open(latest.sessionId);
  }

  /** Shows another conversation. */
  async open(sessionId: string): Promise<void> {
    const current = this.state.conversation.value;
    if (current?.sessionId === sessionId) return;
    this.leaveCurrent();
    this.state.wantedSessionId.value = sessionId;
    await this.attach(sessionId);
  }

  /** Leaves the present conversation for an empty one, which the first prompt creates. */
  startNew(): void {
    this.leaveCurrent();
    this.state.wantedSessionId.value = null;
    this.state.isLoading.value = false;
    this.state.focusRequests.value++;
  }

  /** Creates a conversation in the workspace folder and follows it. */
  async create(): Promise<OpenConversation> {
    const cwd = this.state.server.value.workspaceFolder;
    if (cwd === null) throw new CodedError('InvalidCwd', t('composer.noFolder'));
    const number = this.attachNumber;
    const { sessionId } = await this.bridge.request('session/new', { cwd, mcpServers: [] });
    // The person has gone to another conversation meanwhile and shall not be pulled back.
    if (number !== this.attachNumber) throw new CodedError('Cancelled', t('error.cancelled'));
    this.state.wantedSessionId.value = sessionId;
    await this.attach(sessionId);
    const conversation = this.state.conversation.value;
    if (conversation?.sessionId !== sessionId) {
      throw new CodedError('Unavailable', this.state.notice.value?.text ?? t('error.serverRestarted'));
    }
    const model = this.state.chosenModel.value;
    if (model !== null && this.state.isReachable(model)) {
      await this.bridge.request('session/set_config_option', { sessionId, configId: 'model', value: model });
    }
    return conversation;
  }

  async refreshList(): Promise<void> {
    try {
      const { sessions } = await this.bridge.request('session/list', {});
      this.state.sessions.value = sessions;
    } catch (error) {
      this.state.sessions.value ??= [];
      this.state.notice.value = { text: errorText(error), isError: true };
    }
  }

  async remove(sessionId: ConversationId): Promise<void> {
    try {
      await this.bridge.request('session/delete', { sessionId });
      this.forget(sessionId);
    } catch (error) {
      this.state.notice.value = { text: errorText(error), isError: true };
    }
  }

  /** Attaches the present conversation once more, as after another window may have let go of it. */
  async attachAgain(): Promise<void> {
    const wanted = this.state.wantedSessionId.value;
    this.attachesInARow = 0;
    if (wanted !== null) await this.attach(wanted);
    else this.attachEnded();
  }

  dispose(): void {
    this.attachNumber++;
    for (const subscription of this.subscriptions) subscription.dispose();
    this.batch.dispose();
  }

  private async attach(wanted: string): Promise<void> {
    const number = ++this.attachNumber;
    this.attachesInARow++;
    this.batch.clear();
    this.eventsWhileAttaching = [];
    this.state.isLoading.value = true;
    // The server checks the shape of the id; this one came from the server, or from the state that we wrote.
    const sessionId = wanted as ConversationId;
    const present = this.state.conversation.value;
    const known = present?.sessionId === sessionId ? present.view : emptyView;
    try {
      const params = known.sequence > 0 ? { sessionId, fromSequence: known.sequence } : { sessionId };
      const answer = await this.bridge.request('session/attach', params);
      if (number === this.attachNumber) this.showAttached(answer);
    } catch (error) {
      if (number === this.attachNumber) this.reportAttachFailure(error);
    }
  }

  private showAttached(answer: ResultOf<'session/attach'>): void {
    const present = this.state.conversation.value;
    const isContinued = !answer.isSnapshot && present?.sessionId === answer.sessionId;
    const folded = foldAttached(isContinued ? present.view : emptyView, answer);
    this.state.conversation.value = {
      sessionId: answer.sessionId,
      access: answer.access,
      readOnlyReason: answer.readOnlyReason ?? null,
      unreadable: answer.unreadable ?? null,
      configOptions: answer.configOptions,
      // Of another window's conversation this server does not know whether a turn is running.
      view: answer.running || answer.access === 'read' ? folded : withoutRunningTurn(folded, answer.unsavedEnd),
      earlier: isContinued
        ? withLoose({ view: folded, earlier: present.earlier }, answer.events)
        : earlierThan(folded, answer),
    };
    this.state.isLoading.value = false;
    const missed = this.eventsWhileAttaching ?? [];
    this.eventsWhileAttaching = null;
    const knownSequence = present?.sessionId === answer.sessionId ? present.view.sequence : 0;
    this.clearPendingPrompt(answer.events.filter((event) => event.sequence > knownSequence));
    // A hole in what was missed begins another attach, which tells by itself when it has ended.
    const isUpToDate = this.foldLive(missed);
    if (isUpToDate) this.attachEnded();
  }

  private reportAttachFailure(error: unknown): void {
    this.eventsWhileAttaching = null;
    this.state.isLoading.value = false;
    const isGone = error instanceof CodedError && (error.reason === 'NotFound' || error.reason === 'InvalidParams');
    if (isGone) {
      this.leaveCurrent();
      this.state.wantedSessionId.value = null;
      this.state.notice.value = { text: t('conversation.notFound'), isError: false };
    } else if (this.state.isServerUp.value) {
      const retry = { label: t('conversation.retryLoad'), run: () => void this.attachAgain() };
      this.state.notice.value = { text: errorText(error), isError: true, retry };
    }
    this.attachEnded();
  }

  private receiveUpdate(event: ParsedParamsOf<'session/update'>): void {
    if (event.sessionId !== this.state.wantedSessionId.value) return;
    if (this.eventsWhileAttaching === null) this.batch.add(event);
    else if (this.eventsWhileAttaching.length < maxEventsWhileAttaching) this.eventsWhileAttaching.push(event);
  }

  /** Answers whether the view is up to date now; false where it has to be attached again. */
  private foldLive(events: readonly SessionEvent[]): boolean {
    const conversation = this.state.conversation.value;
    if (conversation === null || events.length === 0) return true;
    const { view, hasHole } = foldEvents(conversation.view, events);
    if (view !== conversation.view) {
      const earlier = withLoose({ view, earlier: conversation.earlier }, events);
      this.state.conversation.value = { ...conversation, view, earlier };
      this.clearPendingPrompt(events);
      this.attachesInARow = 0;
    }
    if (!hasHole) return true;
    if (this.attachesInARow < maxAttachesInARow) void this.attach(conversation.sessionId);
    else this.reportAttachFailure(new CodedError('Internal', t('conversation.eventsMissing')));
    return false;
  }

  private clearPendingPrompt(events: readonly SessionEvent[]): void {
    const hasArrived = events.some(({ update }) => update.sessionUpdate === 'user_message_chunk');
    if (hasArrived) this.state.pendingPrompt.value = null;
  }

  private receiveChanged({ sessionId, session }: ParsedParamsOf<'session/changed'>): void {
    if (session === null) {
      this.forget(sessionId);
      return;
    }
    const list = this.state.sessions.value;
    if (list !== null) {
      const others = list.filter((candidate) => candidate.sessionId !== sessionId);
      this.state.sessions.value = [session, ...others].sort((a, b) => b.updatedAt - a.updatedAt);
    }
    this.followChange(session);
  }

  /** A turn may end without an event: as long as the disk refuses it, only the summary says so. */
  private followChange({ sessionId, access, running, unsavedEnd }: ConversationSummary): void {
    // The answer to an attach says the same, and it is newer.
    if (this.state.conversation.value?.sessionId !== sessionId || this.isAttaching()) return;
    this.batch.flush();
    const conversation = this.state.conversation.value;
    if (this.isAttaching()) return;
    const hasEnded = access === 'write' && conversation.access === 'write' && !running;
    const view = hasEnded ? withoutRunningTurn(conversation.view, unsavedEnd) : conversation.view;
    if (access !== conversation.access || view !== conversation.view)
      this.state.conversation.value = { ...conversation, access, view };
  }

  private isAttaching(): boolean {
    return this.eventsWhileAttaching !== null;
  }

  private forget(sessionId: string): void {
    this.state.sessions.value = this.state.sessions.value?.filter((entry) => entry.sessionId !== sessionId) ?? null;
    if (this.state.wantedSessionId.value !== sessionId) return;
    this.state.conversation.value = null;
    this.leaveCurrent();
    this.state.wantedSessionId.value = null;
    this.state.isLoading.value = false;
  }

  private leaveCurrent(): void {
    const current = this.state.conversation.value;
    this.attachNumber++;
    this.attachesInARow = 0;
    this.eventsWhileAttaching = null;
    this.batch.clear();
    this.state.conversation.value = null;
    this.state.pendingPrompt.value = null;
    this.state.notice.value = null;
    if (current === null) return;
    this.bridge.request('session/detach', { sessionId: current.sessionId }).catch((error: unknown) => {
      // A server that is gone, or no longer knows the conversation, sends no more about it either.
      const isExpected = error instanceof CodedError && ['Unavailable', 'NotFound', 'Cancelled'].includes(error.reason);
      if (!isExpected) this.state.notice.value = { text: errorText(error), isError: true };
    });
  }
}
