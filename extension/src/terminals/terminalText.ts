import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { exitText } from './terminalScreen.ts';

const maxCommandChars = 200;

/** Where a terminal stands: relative to an open folder, else with `~` for the home folder. */
export function folderText({ currentFolder }: TerminalInfo): string {
  for (const { uri, name } of vscode.workspace.workspaceFolders ?? []) {
    const relative = within(uri.fsPath, currentFolder);
    if (relative !== undefined) return relative === '' ? name : path.join(name, relative);
  }
  const relative = within(os.homedir(), currentFolder);
  return relative === undefined ? currentFolder : path.join('~', relative);
}

/** The last command line of a shell and how it ended, short enough for one line; undefined where none is known. */
export function lastCommandText({ lastCommand }: TerminalInfo): string | undefined {
  if (!lastCommand) return undefined;
  const line = oneLine(lastCommand.commandLine);
  const { exitCode, durationMs } = lastCommand;
  if (durationMs === undefined) return vscode.l10n.t('{0} (running)', line);
  if (exitCode === undefined) return line;
  return exitCode === 0 ? `${line} ✓` : `${line} ✗ ${exitCode ?? ''}`.trimEnd();
}

/** What is to be said of a terminal before all else: that it waits, has ended, was lost; undefined while it just runs. */
export function stateText(terminal: TerminalInfo): string | undefined {
  const { status, waitsForInput, exitCode, signal } = terminal;
  if (status === 'lost') return vscode.l10n.t('lost');
  if (terminal.endedIdle) return vscode.l10n.t('ended while idle');
  if (status === 'exited') return exitText(exitCode ?? null, signal);
  if (waitsForInput) return vscode.l10n.t('waits for input');
  return terminal.owner.kind === 'agent' ? vscode.l10n.t('running') : undefined;
}

/** How a terminal is told from others in a line of a list, apart from its name. */
export function summaryText(terminal: TerminalInfo): string {
  const parts = [stateText(terminal), folderText(terminal), lastCommandText(terminal)];
  return parts.filter((part) => part !== undefined).join(' · ');
}

/** The sign in front of a terminal. Ended and waiting ones are told apart by shape and not by colour alone. */
export function iconOf({ status, waitsForInput, exitCode, endedIdle, owner }: TerminalInfo): vscode.ThemeIcon {
  if (endedIdle) return new vscode.ThemeIcon('clock');
  if (status === 'lost') return icon('debug-disconnect', 'problemsWarningIcon.foreground');
  if (status === 'exited') {
    return exitCode === 0 ? icon('pass', 'testing.iconPassed') : icon('error', 'testing.iconFailed');
  }
  if (waitsForInput) return icon('bell-dot', 'problemsWarningIcon.foreground');
  return owner.kind === 'agent' ? new vscode.ThemeIcon('sync~spin') : new vscode.ThemeIcon('terminal');
}

/** Everything about a terminal, for hovering. What programs and models wrote stands in it as text, never as Markdown. */
export function tooltipOf(terminal: TerminalInfo, conversationTitle: string | undefined): vscode.MarkdownString {
  const { name, lastCommand, owner, waitsForInput, pid, createdAt, shell } = terminal;
  const text = new vscode.MarkdownString();
  const line = (content: string): void => void text.appendText(content).appendMarkdown('  \n');
  line(name);
  const state = stateText(terminal);
  if (state !== undefined) line(state);
  if (terminal.endedIdle)
    line(vscode.l10n.t('Nothing ran in it, and no window was open for as long as the setting allows.'));
  if (waitsForInput && waitsForInput.prompt !== '') line(waitsForInput.prompt);
  line(vscode.l10n.t('Folder: {0}', terminal.currentFolder));
  if (owner.kind === 'agent') {
    line(vscode.l10n.t('Run by the agent of “{0}”', conversationTitle ?? vscode.l10n.t('a conversation elsewhere')));
    text.appendCodeblock(owner.commandLine, 'shellscript');
  }
  if (lastCommand) {
    line(vscode.l10n.t('Last command: {0}', lastCommandText(terminal) ?? ''));
    const { durationMs } = lastCommand;
    if (durationMs !== undefined) line(vscode.l10n.t('It took {0} s.', (durationMs / 1000).toFixed(1)));
  }
  const since = new Date(createdAt).toLocaleString(vscode.env.language);
  line(vscode.l10n.t('{0}, process {1}, since {2}', path.basename(shell), pid, since));
  return text;
}

function icon(id: string, color: string): vscode.ThemeIcon {
  return new vscode.ThemeIcon(id, new vscode.ThemeColor(color));
}

function oneLine(commandLine: string): string {
  const lines = commandLine.split('\n').map((part) => part.trim());
  const line = lines.filter((part) => part !== '').join(' ⏎ ');
  return line.length > maxCommandChars ? `${line.slice(0, maxCommandChars - 1)}…` : line;
}

/** The path of `file` from `folder`, empty for the folder itself; undefined where it is not inside. */
function within(folder: string, file: string): string | undefined {
  const relative = path.relative(folder, file);
  return relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative) ? undefined : relative;
}
