import { signal, type Signal } from '@preact/signals';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { HostContext } from '../bridge/host.ts';
import { setTranslations } from '../strings.ts';

/** All that the terminal panel draws from. */
export interface TerminalPanelState {
  readonly context: Signal<HostContext | null>;
  readonly terminal: Signal<TerminalInfo | null>;
}

/** Follows the extension host for as long as the bridge lives. */
export function createTerminalPanelState(bridge: Bridge): TerminalPanelState {
  const state: TerminalPanelState = { context: signal(null), terminal: signal(null) };
  bridge.onContext((context) => {
    setTranslations(context.strings);
    state.context.value = context;
    // After a reload of the window, VS Code gives this to whoever brings the panel back.
    bridge.writeState({ terminalId: context.terminalId ?? null });
  });
  return state;
}
