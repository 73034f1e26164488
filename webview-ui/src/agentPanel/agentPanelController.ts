import { effect } from '@preact/signals';
import type { Bridge } from '../bridge/bridge.ts';
import { isUp } from '../bridge/bridge.ts';
import type { Disposable } from '../bridge/disposable.ts';
import type { HostContext, HostWish } from '../bridge/host.ts';
import { setTranslations } from '../strings.ts';
import { ConversationActions } from './actions/conversationActions.ts';
import { EarlierActions } from './actions/earlierActions.ts';
import { ModelActions } from './actions/modelActions.ts';
import { TurnActions } from './actions/turnActions.ts';
import { AgentPanelState } from './state/agentPanelState.ts';
import { readPersistedState, type PersistedState } from './state/persistedState.ts';

/** Joins the bridge, the state and the actions of the agent panel; knows nothing of how they are drawn. */
export class AgentPanelController implements Disposable {
  readonly bridge: Bridge;
  readonly state = new AgentPanelState();
  readonly conversations: ConversationActions;
  readonly turns: TurnActions;
  readonly models: ModelActions;
  readonly earlier: EarlierActions;
  private readonly subscriptions: readonly Disposable[];
  private catalogGeneration = -1;

  constructor(bridge: Bridge) {
    this.bridge = bridge;
    this.conversations = new ConversationActions(bridge, this.state, () => this.turns.settlePendingPrompt());
    this.turns = new TurnActions(bridge, this.state, this.conversations);
    this.models = new ModelActions(bridge, this.state);
    this.earlier = new EarlierActions(bridge, this.state);
    const past = bridge.readState();
    this.restore(readPersistedState(past));
    if (past === undefined || past === null) this.conversations.startWithoutPast();
    this.subscriptions = [
      bridge.onContext((context) => this.receiveContext(context)),
      bridge.onWish((wish) => this.fulfil(wish)),
      bridge.onNotification('model/changed', () => void this.models.refresh(false)),
      { dispose: effect(() => this.persist()) },
    ];
    bridge.announceReady();
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.conversations.dispose();
    this.bridge.dispose();
  }

  private receiveContext(context: HostContext): void {
    setTranslations(context.strings);
    this.state.server.value = {
      state: context.serverState,
      generation: context.serverGeneration,
      message: context.serverMessage ?? null,
      workspaceFolder: context.workspaceFolder,
      trusted: context.trusted,
    };
    this.state.hasContext.value = true;
    this.conversations.receiveContext(context);
    if (isUp(context.serverState) && context.serverGeneration !== this.catalogGeneration) {
      this.catalogGeneration = context.serverGeneration;
      void this.models.refresh(false);
    }
  }

  private fulfil(wish: HostWish): void {
    switch (wish.what) {
      case 'newSession':
        this.conversations.startNew();
        return;
      case 'focusInput':
        this.state.focusRequests.value++;
        return;
      case 'cancelTurn':
        this.turns.cancel();
        return;
      case 'continueTurn':
        void this.turns.continueTurn();
        return;
      case 'openConversation':
        void this.conversations.open(wish.sessionId);
        this.state.focusRequests.value++;
        return;
      case 'insertPrompt': {
        const draft = this.state.draft.value;
        this.state.draft.value = draft === '' ? wish.text : `${draft}\n${wish.text}`;
        this.state.focusRequests.value++;
      }
    }
  }

  private restore({ sessionId, draft, chosenModel, dismissedDamage }: PersistedState): void {
    this.state.wantedSessionId.value = sessionId;
    this.state.isLoading.value = sessionId !== null;
    this.state.draft.value = draft;
    this.state.chosenModel.value = chosenModel;
    this.state.dismissedDamage.value = dismissedDamage;
  }

  private persist(): void {
    const state: PersistedState = {
      sessionId: this.state.wantedSessionId.value,
      draft: this.state.draft.value,
      chosenModel: this.state.chosenModel.value,
      dismissedDamage: this.state.dismissedDamage.value,
    };
    this.bridge.writeState(state);
  }
}
