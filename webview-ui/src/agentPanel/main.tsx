import { render } from 'preact';
import '../styles/base.css';
import '../styles/picker.css';
import '../styles/markdown.css';
import '../styles/terminal.css';
import './agentPanel.css';
import './conversation.css';
import './composer.css';
import { Bridge } from '../bridge/bridge.ts';
import { createVsCodeHost } from '../bridge/vsCodeHost.ts';
import { AgentPanelController } from './agentPanelController.ts';
import { AgentPanel } from './view/agentPanel.tsx';
import { PanelContext } from './view/panelContext.ts';

const controller = new AgentPanelController(new Bridge(createVsCodeHost()));
window.addEventListener('pagehide', () => controller.dispose(), { once: true });
render(
  <PanelContext.Provider value={controller}>
    <AgentPanel />
  </PanelContext.Provider>,
  document.body,
);
