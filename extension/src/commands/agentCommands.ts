import * as vscode from 'vscode';
import { fenced } from '../promptContext.ts';
import type { CommandEntry } from './commandEntry.ts';

/** A selection that is longer is cut; the agent can read the rest of the file by itself. */
const maxSelectionChars = 50_000;

/** Commands about conversations. Each is carried out by the panel, which shows what becomes of it. */
export const agentCommands = {
  openAgentPanel: {
    withoutServer: 'works',
    run: ({ agentPanel }) => agentPanel.ask({ kind: 'do', what: 'focusInput' }),
  },
  newSession: {
    withoutServer: 'waits',
    run: ({ agentPanel }) => agentPanel.ask({ kind: 'do', what: 'newSession' }),
  },
  cancelTurn: {
    withoutServer: 'waits',
    run: ({ agentPanel }) => agentPanel.ask({ kind: 'do', what: 'cancelTurn' }),
  },
  continueTurn: {
    withoutServer: 'waits',
    run: ({ agentPanel }) => agentPanel.ask({ kind: 'do', what: 'continueTurn' }),
  },
  askAboutSelection: {
    withoutServer: 'works',
    run: async ({ agentPanel }) => {
      const text = describeSelection();
      if (text === undefined) {
        void vscode.window.showInformationMessage(vscode.l10n.t('Select some text in an editor first.'));
        return;
      }
      await agentPanel.ask({ kind: 'do', what: 'insertPrompt', text });
    },
  },
} as const satisfies Record<string, CommandEntry>;

/** The selection as context for a prompt: where it is, and its text in a fence that no text in it can close. */
function describeSelection(): string | undefined {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.selection.isEmpty) return undefined;
  const { document, selection } = editor;
  const selected = document.getText(selection);
  const text = selected.length > maxSelectionChars ? `${selected.slice(0, maxSelectionChars)}\n…` : selected;
  const where = `${vscode.workspace.asRelativePath(document.uri)}:${selection.start.line + 1}-${selection.end.line + 1}`;
  return `${where}\n${fenced(text, document.languageId)}`;
}
