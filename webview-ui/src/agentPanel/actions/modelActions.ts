import type { Bridge } from '../../bridge/bridge.ts';
import { errorText } from '../../bridge/errorText.ts';
import type { AgentPanelState } from '../state/agentPanelState.ts';

/** Finds out which models there are, and picks one. */
export class ModelActions {
  private readonly bridge: Bridge;
  private readonly state: AgentPanelState;
  private refreshNumber = 0;

  constructor(bridge: Bridge, state: AgentPanelState) {
    this.bridge = bridge;
    this.state = state;
  }

  /** Asks for models and providers; `force` has the server ask the providers again. */
  async refresh(force: boolean): Promise<void> {
    const number = ++this.refreshNumber;
    this.state.isCatalogLoading.value = true;
    try {
      const [list, status] = await Promise.all([
        this.bridge.request('model/list', { refresh: force }),
        this.bridge.request('model/status', { refresh: force }),
      ]);
      if (number !== this.refreshNumber) return;
      this.state.catalog.value = { ...list, providers: status.providers };
    } catch (error) {
      // A server that goes away is shown by its own banner, and its successor is asked anew.
      if (number === this.refreshNumber && this.state.isServerUp.value) {
        this.state.notice.value = { text: errorText(error), isError: true };
      }
    } finally {
      if (number === this.refreshNumber) this.state.isCatalogLoading.value = false;
    }
  }

  /** Sets the model of the open conversation, or remembers it for the next new one. */
  async choose(model: string): Promise<void> {
    this.state.chosenModel.value = model;
    const conversation = this.state.conversation.value;
    if (conversation === null) return;
    try {
      const { sessionId } = conversation;
      const { configOptions } = await this.bridge.request('session/set_config_option', {
        sessionId,
        configId: 'model',
        value: model,
      });
      const present = this.state.conversation.value;
      if (present?.sessionId !== sessionId) return;
      // The event that says the same may come before or after this answer; either shows the new model.
      const view = { ...present.view, configValues: { ...present.view.configValues, model } };
      this.state.conversation.value = { ...present, configOptions, view };
    } catch (error) {
      this.state.notice.value = { text: errorText(error), isError: true };
    }
  }
}
