import { render } from 'preact';
import '../styles/base.css';
import '../styles/terminal.css';
import './terminalPanel.css';
import { Bridge } from '../bridge/bridge.ts';
import { createVsCodeHost } from '../bridge/vsCodeHost.ts';
import { createTerminalPanelState } from './terminalPanelState.ts';
import { TerminalPanel } from './terminalPanel.tsx';

const bridge = new Bridge(createVsCodeHost());
const state = createTerminalPanelState(bridge);
window.addEventListener('pagehide', () => bridge.dispose(), { once: true });
bridge.announceReady();
render(<TerminalPanel bridge={bridge} state={state} />, document.body);
