import * as vscode from 'vscode';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { AssistantTerminals } from '../terminals/assistantTerminals.ts';
import { terminalOf } from '../terminals/terminalTree.ts';
import { describeOutput, readLastOutput } from '../terminals/lastOutput.ts';
import { iconOf, summaryText } from '../terminals/terminalText.ts';
import type { CommandEntry } from './commandEntry.ts';

/** What the contract takes. */
const maxNameChars = 200;

/** Commands about terminals. In the view they act on the line they were called on, else on the terminal in front. */
export const terminalCommands = {
  newTerminal: {
    withoutServer: 'waits',
    run: ({ terminals }) => terminals.create(),
  },
  openTerminalPanel: {
    withoutServer: 'waits',
    run: async ({ terminals, terminalPanels, client }, target) => {
      const present = await findTerminal(terminals, target);
      const terminal = present ?? (await client.request('terminal/create', {}));
      terminalPanels.open(terminal.sessionId, terminal.name);
    },
  },
  attachTerminal: {
    withoutServer: 'waits',
    run: async ({ terminals, conversationTerminals }, target) => {
      const isNamed = terminalOf(target) !== undefined;
      const terminal = isNamed
        ? await findTerminal(terminals, target)
        : await pickTerminal(terminals, vscode.l10n.t('Show which terminal?'));
      if (terminal && !conversationTerminals.reveal(terminal)) terminals.attach(terminal);
    },
  },
  detachTerminal: {
    withoutServer: 'works',
    run: ({ terminals }, target) => {
      const sessionId = terminalOf(target) ?? terminals.idOfTab(target);
      if (sessionId !== undefined && terminals.detach(sessionId)) return;
      void vscode.window.showInformationMessage(
        vscode.l10n.t('Only a tab that shows a terminal of the AI Assistant can be detached.'),
      );
    },
  },
  killTerminal: {
    withoutServer: 'waits',
    run: async ({ terminals }, target) => {
      const terminal = await findOrPick(terminals, target, vscode.l10n.t('End which terminal?'));
      if (terminal) await terminals.kill([terminal.sessionId]);
    },
  },
  renameTerminal: {
    withoutServer: 'waits',
    run: async ({ terminals, client }, target) => {
      const terminal = await findOrPick(terminals, target, vscode.l10n.t('Rename which terminal?'));
      if (!terminal) return;
      const name = await vscode.window.showInputBox({
        title: vscode.l10n.t('Rename the terminal “{0}”', terminal.name),
        value: terminal.name,
        validateInput: checkName,
      });
      const { sessionId } = terminal;
      if (name !== undefined) await client.request('terminal/rename', { sessionId, name: name.trim() });
    },
  },
  sendLastOutputToAgent: {
    withoutServer: 'waits',
    run: async ({ terminals, client, agentPanel }, target) => {
      const title = vscode.l10n.t('Send the last output of which terminal?');
      const terminal = await findOrPick(terminals, target, title);
      if (!terminal) return;
      const text = describeOutput(await readLastOutput(client, terminal));
      await agentPanel.ask({ kind: 'do', what: 'insertPrompt', text });
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

/** The terminal of the line that a command was called on, else the one in front; undefined where neither is one. */
async function findTerminal(terminals: AssistantTerminals, target: unknown): Promise<TerminalInfo | undefined> {
  const named = terminalOf(target);
  const wanted = named ?? terminals.activeId;
  if (wanted === undefined) return undefined;
  const found = (await terminals.list()).find(({ sessionId }) => sessionId === wanted);
  if (named !== undefined && !found) throw new CodedError('NotFound', vscode.l10n.t('That terminal is gone.'));
  return found;
}

async function findOrPick(
  terminals: AssistantTerminals,
  target: unknown,
  title: string,
): Promise<TerminalInfo | undefined> {
  return (await findTerminal(terminals, target)) ?? (await pickTerminal(terminals, title));
}

async function pickTerminal(terminals: AssistantTerminals, title: string): Promise<TerminalInfo | undefined> {
  const active = await listActive(terminals);
  if (active.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No terminal is running.'));
    return undefined;
  }
  const entries = active.map((terminal) => ({
    label: terminal.name,
    iconPath: iconOf(terminal),
    description: summaryText(terminal),
    detail: describeOrigin(terminal),
    terminal,
  }));
  const picked = await vscode.window.showQuickPick(entries, { title, matchOnDescription: true, matchOnDetail: true });
  return picked?.terminal;
}

async function listActive(terminals: AssistantTerminals): Promise<readonly TerminalInfo[]> {
  return (await terminals.list()).filter(({ status }) => status === 'active');
}

function describeOrigin({ pid, createdAt, owner }: TerminalInfo): string {
  const since = new Date(createdAt).toLocaleTimeString(vscode.env.language);
  return owner.kind === 'agent'
    ? vscode.l10n.t('run by an agent, process {0}, since {1}', pid, since)
    : vscode.l10n.t('process {0}, since {1}', pid, since);
}

function checkName(value: string): string | undefined {
  const name = value.trim();
  if (name === '') return vscode.l10n.t('Type a name.');
  return name.length > maxNameChars ? vscode.l10n.t('A name has at most {0} characters.', maxNameChars) : undefined;
}
