import * as vscode from 'vscode';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import type { AssistantTerminals } from '../terminals/assistantTerminals.ts';
import type { CommandEntry } from './commandEntry.ts';

/** Commands about terminals. */
export const terminalCommands = {
  newTerminal: {
    withoutServer: 'waits',
    run: ({ terminals }) => terminals.create(),
  },
  openTerminalPanel: {
    withoutServer: 'waits',
    run: async ({ terminals, terminalPanels, client }) => {
      const { activeId } = terminals;
      const active = activeId && (await terminals.list()).find(({ sessionId }) => sessionId === activeId);
      const terminal = active ?? (await client.request('terminal/create', terminals.newShellParams()));
      terminalPanels.open(terminal.sessionId, terminal.name);
    },
  },
  attachTerminal: {
    withoutServer: 'waits',
    run: async ({ terminals }) => {
      const picked = await pickTerminal(terminals, vscode.l10n.t('Show which terminal?'));
      if (picked) terminals.attach(picked.sessionId, picked.name);
    },
  },
  killTerminal: {
    withoutServer: 'waits',
    run: async ({ terminals }) => {
      const sessionId =
        terminals.activeId ?? (await pickTerminal(terminals, vscode.l10n.t('End which terminal?')))?.sessionId;
      if (sessionId) await terminals.kill([sessionId]);
    },
  },
  killAllTerminals: {
    withoutServer: 'waits',
    run: async ({ terminals }) => {
      const active = await listActive(terminals);
      if (active.length === 0) {
        void vscode.window.showInformationMessage(vscode.l10n.t('No terminal is running.'));
        return;
      }
      const confirm = vscode.l10n.t('End All');
      const answer = await vscode.window.showWarningMessage(
        active.length === 1
          ? vscode.l10n.t('End the one terminal that runs?')
          : vscode.l10n.t('End all {0} terminals?', active.length),
        {
          modal: true,
          detail: vscode.l10n.t('This also ends terminals that other windows show, and commands of agents.'),
        },
        confirm,
      );
      if (answer === confirm) await terminals.kill(active.map(({ sessionId }) => sessionId));
    },
  },
} as const satisfies Record<string, CommandEntry>;

async function pickTerminal(terminals: AssistantTerminals, title: string): Promise<TerminalInfo | undefined> {
  const active = await listActive(terminals);
  if (active.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No terminal is running.'));
    return undefined;
  }
  const entries = active.map((terminal) => ({ label: terminal.name, ...describe(terminal), terminal }));
  const picked = await vscode.window.showQuickPick(entries, { title, matchOnDescription: true, matchOnDetail: true });
  return picked?.terminal;
}

async function listActive(terminals: AssistantTerminals): Promise<readonly TerminalInfo[]> {
  return (await terminals.list()).filter(({ status }) => status === 'active');
}

function describe({ pid, cwd, owner, createdAt }: TerminalInfo): { description: string; detail: string } {
  const since = new Date(createdAt).toLocaleTimeString(vscode.env.language);
  const particulars = vscode.l10n.t('process {0}, since {1}', pid, since);
  return { description: owner.kind === 'agent' ? vscode.l10n.t('agent') : particulars, detail: cwd };
}
