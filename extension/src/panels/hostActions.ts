import * as vscode from 'vscode';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { HostAction } from '../../../server/protocol/panelBridge.ts';
import { showError } from '../errors.ts';
import type { Log } from '../log.ts';
import { readWorkspace, settingsPrefix } from '../settings.ts';
import { openedFile } from './openedFile.ts';

/** Does in VS Code what a view asked for. What fails is shown to the person. */
export function performAction(action: HostAction, log: Log): void {
  Promise.resolve(start(action)).catch((error: unknown) => showError(error, log));
}

function start(action: HostAction): Thenable<unknown> {
  switch (action.action) {
    case 'runCommand':
      return vscode.commands.executeCommand(`${settingsPrefix}.${action.command}`);
    case 'openSetting':
      return vscode.commands.executeCommand('workbench.action.openSettings', `@id:${settingsPrefix}.${action.key}`);
    case 'openLink':
      return vscode.env.openExternal(vscode.Uri.parse(action.url, true));
    case 'openFile':
      return openFile(action.path, action.line);
    case 'copyText':
      return vscode.env.clipboard.writeText(action.text);
    case 'showTerminal': {
      const line = { kind: 'terminal', sessionId: action.terminalId };
      return vscode.commands.executeCommand(`${settingsPrefix}.attachTerminal`, line);
    }
    case 'manageTrust':
      return vscode.commands.executeCommand('workbench.trust.manage');
  }
}

/** `line` counts from 1. */
function openFile(file: string, line: number | undefined): Thenable<unknown> {
  const folders = readWorkspace().folders.map((folder) => folder.path);
  const opened = openedFile(file, folders);
  if (opened === undefined) {
    const message = vscode.l10n.t(
      '{0} is on another computer, and is not opened from here. Open it with File > Open File.',
      file,
    );
    return Promise.reject(new CodedError('PolicyDenied', message));
  }
  const uri = vscode.Uri.file(opened);
  if (line === undefined) return vscode.commands.executeCommand('vscode.open', uri);
  return vscode.window.showTextDocument(uri, { selection: new vscode.Range(line - 1, 0, line - 1, 0) });
}
