import type { Bridge } from '../../bridge/bridge.ts';
import { errorText } from '../../bridge/errorText.ts';
import type { AgentPanelState, OpenConversation } from '../state/agentPanelState.ts';
import { withoutLoaded, withPage } from '../state/earlierMessages.ts';

/** Events that are asked for at a time: some screens full. */
const pageEvents = 200;
/** Pages may hold nothing that is shown; after so many of them the person decides whether to go on. */
const maxPagesAtOnce = 8;

/** Loads what stands before the messages that the panel holds, and lets go of it again. */
export class EarlierActions {
  private readonly bridge: Bridge;
  private readonly state: AgentPanelState;

  constructor(bridge: Bridge, state: AgentPanelState) {
    this.bridge = bridge;
    this.state = state;
  }

  /** Loads the next page further back, unless that is under way or there is none. Never rejects: the failure is shown. */
  async load(): Promise<void> {
    const conversation = this.state.conversation.value;
    if (conversation?.earlier.hasMore !== true || conversation.earlier.isLoading) return;
    const { sessionId } = conversation;
    this.change(conversation, { isLoading: true, error: null });
    const count = conversation.view.items.length;
    try {
      for (let pages = 0; pages < maxPagesAtOnce; pages++) {
        const asked = this.waiting(sessionId);
        if (asked?.earlier.hasMore !== true) break;
        const { beforeSequence } = asked.earlier;
        const page = await this.bridge.request('session/events', { sessionId, beforeSequence, limit: pageEvents });
        const present = this.waiting(sessionId);
        // Attached anew meanwhile, perhaps to a shorter snapshot: then this is not the page that is missing.
        if (present?.earlier.beforeSequence !== beforeSequence) break;
        const longer = { ...present, ...withPage(present, page) };
        this.state.conversation.value = longer;
        if (longer.view.items.length > count) break;
      }
      this.end(sessionId, null);
    } catch (error) {
      this.end(sessionId, errorText(error));
    }
  }

  /** Somebody is back at the end: what was loaded is not needed any more. */
  release(): void {
    const conversation = this.state.conversation.value;
    if (conversation === null) return;
    const { view, earlier } = withoutLoaded(conversation);
    if (view !== conversation.view) this.state.conversation.value = { ...conversation, view, earlier };
  }

  private end(sessionId: string, error: string | null): void {
    const present = this.waiting(sessionId);
    if (present !== null) this.change(present, { isLoading: false, error });
  }

  /** The conversation, if it still waits for earlier messages. */
  private waiting(sessionId: string): OpenConversation | null {
    const present = this.state.conversation.value;
    return present?.sessionId === sessionId && present.earlier.isLoading ? present : null;
  }

  private change(conversation: OpenConversation, changes: Partial<OpenConversation['earlier']>): void {
    this.state.conversation.value = { ...conversation, earlier: { ...conversation.earlier, ...changes } };
  }
}
