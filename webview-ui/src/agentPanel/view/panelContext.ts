import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { LinkTarget } from '../../markdown/links.ts';
import type { AgentPanelController } from '../agentPanelController.ts';

/** Gives every part of the panel its controller. */
export const PanelContext = createContext<AgentPanelController | null>(null);

export function usePanel(): AgentPanelController {
  const controller = useContext(PanelContext);
  if (controller === null) throw new Error('A part of the agent panel was drawn outside of PanelContext.');
  return controller;
}

/** Follows a link of an answer through VS Code, which asks before it leaves for the web. */
export function followLink(controller: AgentPanelController, target: LinkTarget): void {
  if (target.kind === 'web') controller.bridge.act({ action: 'openLink', url: target.url });
  else openFile(controller, target.path, target.line);
}

export function openFile(controller: AgentPanelController, path: string, line: number | null): void {
  controller.bridge.act({ action: 'openFile', path, ...(line === null ? {} : { line }) });
}

export function copyText(controller: AgentPanelController, text: string): void {
  controller.bridge.act({ action: 'copyText', text });
}

/** Shows a terminal in VS Code's own panel. */
export function showTerminal(controller: AgentPanelController, terminalId: string): void {
  controller.bridge.act({ action: 'showTerminal', terminalId });
}
