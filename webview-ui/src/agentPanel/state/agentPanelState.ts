import { computed, signal } from '@preact/signals';
import type { ModelInfo, ProviderStatus } from '../../../../server/protocol/model.ts';
import type { ServerState } from '../../../../server/protocol/panelBridge.ts';
import type { ConfigOption, ConversationSummary } from '../../../../server/protocol/session.ts';
import type { ConversationId } from '../../../../server/protocol/sessionEvents.ts';
import { isUp } from '../../bridge/bridge.ts';
import { openQuestion, type ConversationView } from './conversationView.ts';
import type { EarlierMessages } from './earlierMessages.ts';

/** The conversation that the panel shows. */
export interface OpenConversation {
  readonly sessionId: ConversationId;
  readonly access: 'write' | 'read';
  /** Why it can only be read, if it is not because another window holds it. */
  readonly readOnlyReason: string | null;
  /** What of it is damaged and left out, if anything. */
  readonly unreadable: { readonly places: number; readonly mark: string } | null;
  readonly earlier: EarlierMessages;
  readonly configOptions: readonly ConfigOption[];
  readonly view: ConversationView;
}

export interface ModelCatalog {
  readonly models: readonly ModelInfo[];
  readonly defaultModel: string | null;
  readonly providers: readonly ProviderStatus[];
}

/** A sentence above the composer until it is dismissed. */
export interface Notice {
  readonly text: string;
  readonly isError: boolean;
  /** What the notice's button does; without it the notice can only be dismissed. */
  readonly retry?: { readonly label: string; run(): void };
}

export interface ServerInfo {
  readonly state: ServerState;
  readonly generation: number;
  readonly message: string | null;
  readonly workspaceFolder: string | null;
  readonly trusted: boolean;
}

/** Why the composer takes no message now. */
export type ComposerBlock = 'noFolder' | 'readOnly' | 'noModel' | 'pickModel' | 'waitingForServer';

/** All that the agent panel draws from. Actions write the signals, views read them. */
export class AgentPanelState {
  readonly server = signal<ServerInfo>({
    state: 'starting',
    generation: -1,
    message: null,
    workspaceFolder: null,
    trusted: true,
  });
  /** False until the extension host has spoken for the first time. */
  readonly hasContext = signal(false);
  readonly conversation = signal<OpenConversation | null>(null);
  /** The id of a conversation that is being loaded, or could not be. */
  readonly wantedSessionId = signal<string | null>(null);
  readonly isLoading = signal(false);
  readonly sessions = signal<readonly ConversationSummary[] | null>(null);
  readonly catalog = signal<ModelCatalog | null>(null);
  readonly isCatalogLoading = signal(false);
  readonly draft = signal('');
  /** The model for the next new conversation. */
  readonly chosenModel = signal<string | null>(null);
  /** A prompt that was sent and is not yet part of the conversation's events. */
  readonly pendingPrompt = signal<string | null>(null);
  readonly notice = signal<Notice | null>(null);
  /** Damage that the person was told of, as `<session id> <mark>`; the latest last. */
  readonly dismissedDamage = signal<readonly string[]>([]);
  readonly isModelPickerOpen = signal(false);
  /** The draft was sent while no model was chosen: it goes out as soon as one is. */
  readonly sendsAfterPick = signal(false);
  /** Rises when something wants the keyboard in the composer. */
  readonly focusRequests = signal(0);
  /** The last prompt sent, for recall with the up key. */
  readonly lastPrompt = signal('');

  readonly isServerUp = computed(() => isUp(this.server.value.state));
  readonly isRunning = computed(() => this.conversation.value?.view.turn != null || this.pendingPrompt.value !== null);
  /** Whether there is a turn that the person can end from here. */
  readonly canStop = computed(
    () => this.isRunning.value && this.server.value.state !== 'stopped' && this.conversation.value?.access !== 'read',
  );
  readonly question = computed(() => {
    const conversation = this.conversation.value;
    return conversation === null || conversation.access === 'read' ? null : openQuestion(conversation.view);
  });

  /** The model that the next prompt goes to, as `provider/model`, or null. */
  readonly currentModel = computed(() => {
    const catalog = this.catalog.value;
    const conversation = this.conversation.value;
    if (conversation !== null) {
      const set = conversation.view.configValues['model'];
      const option = conversation.configOptions.find((candidate) => candidate.id === 'model');
      return firstNonEmpty(set, option?.currentValue, catalog?.defaultModel);
    }
    const chosen = this.chosenModel.value;
    return firstNonEmpty(chosen !== null && this.isReachable(chosen) ? chosen : null, catalog?.defaultModel);
  });

  /** Whether the panel must first help to connect a model. */
  readonly needsSetup = computed(() => this.catalog.value?.models.length === 0);

  readonly composerBlock = computed((): ComposerBlock | null => {
    if (!this.hasContext.value) return 'waitingForServer';
    if (this.conversation.value?.access === 'read') return 'readOnly';
    if (this.server.value.workspaceFolder === null && this.conversation.value === null) return 'noFolder';
    if (!this.isServerUp.value) return 'waitingForServer';
    if (this.needsSetup.value) return 'noModel';
    return this.catalog.value !== null && this.currentModel.value === null ? 'pickModel' : null;
  });

  /** Whether a model that was picked some time ago can still be used; before the list is there, it is believed to be. */
  isReachable(model: string): boolean {
    return this.catalog.value?.models.some(({ id }) => id === model) ?? true;
  }
}

function firstNonEmpty(...candidates: readonly (string | null | undefined)[]): string | null {
  return candidates.find((candidate) => candidate !== undefined && candidate !== null && candidate !== '') ?? null;
}
