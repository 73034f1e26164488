import * as vscode from 'vscode';
import type { CodedError, ErrorReason } from '../../server/protocol/errors.ts';
import { isCodedError } from './codedError.ts';
import { describeError, logFailure, type Log } from './log.ts';

type Translate = (args: Readonly<Record<string, string | number>>) => string;

/**
 * Sentences for errors of the server, by reason, in the person's language. The server's own sentence, which is English
 * and knows the particulars, is used where a reason is not listed or an argument is missing.
 */
const serverMessages: Partial<Record<ErrorReason, { readonly needs: readonly string[]; readonly text: Translate }>> = {
  ResourceLimit: {
    needs: ['active', 'max'],
    text: ({ active, max }) =>
      vscode.l10n.t(
        'Open terminals: {0}. The setting allows {1}: close one, or raise the setting.',
        active ?? '',
        max ?? '',
      ),
  },
  // The server itself says `Unavailable` of many things (a disk, a model); only the extension says it of the server.
  Unavailable: {
    needs: ['serverState'],
    text: () => vscode.l10n.t('The AI Assistant server is not running at the moment. Try again, or restart it.'),
  },
  Conflict: {
    needs: ['replaced'],
    text: replacedMessage,
  },
  UnknownMethod: {
    needs: [],
    text: () => vscode.l10n.t('The AI Assistant server does not know this request. Restart it to use its new version.'),
  },
};

/** That the product was updated under the server that runs. */
export function replacedMessage(): string {
  return vscode.l10n.t(
    'The AI Assistant was updated, and its server still is the old version, parts of which are gone. Reload the window to go on; terminals go on meanwhile.',
  );
}

/** A sentence for the person about what went wrong. */
export function messageFor(error: unknown): string {
  if (!isCodedError(error)) {
    return vscode.l10n.t('Something went wrong in the extension: {0}', describeError(error));
  }
  const known = serverMessages[error.reason];
  const args = error.args ?? {};
  return known?.needs.every((name) => name in args) ? known.text(args) : error.message;
}

interface Remedy {
  readonly label: string;
  readonly run: () => Thenable<unknown>;
}

/** Shows an error with the buttons that help; what the person is told also goes to the log. */
export function showError(error: unknown, log: Log): void {
  if (isCodedError(error) && error.reason === 'Cancelled') return;
  const message = messageFor(error);
  log.error(isCodedError(error) ? `${error.reason}: ${error.message}` : asError(error));
  const remedies = remediesFor(error);
  const labels = remedies.map(({ label }) => label);
  const answered = vscode.window.showErrorMessage(message, ...labels).then(async (label) => {
    await remedies.find((remedy) => remedy.label === label)?.run();
  });
  logFailure(log, 'Showing an error', answered);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function remediesFor(error: unknown): readonly Remedy[] {
  const showLog = { label: vscode.l10n.t('Show Log'), run: command('aiDevAssistant.showLog') };
  if (!isCodedError(error)) return [showLog];
  switch (error.reason) {
    case 'ResourceLimit':
      // There are limits on many things; only the one on terminals is a setting, and tells both numbers.
      return isTerminalLimit(error) ? [openSettings('aiDevAssistant.terminals.max')] : [showLog];
    case 'InvalidShell':
      return [openSettings(`terminal.integrated.defaultProfile.${settingsPlatform()}`)];
    case 'InvalidEnvironment':
      return [openSettings(`terminal.integrated.env.${settingsPlatform()}`)];
    case 'Conflict':
      return 'replaced' in (error.args ?? {})
        ? [{ label: vscode.l10n.t('Reload Window'), run: command('workbench.action.reloadWindow') }]
        : [showLog];
    case 'Unavailable':
      return [{ label: vscode.l10n.t('Restart'), run: command('aiDevAssistant.restartServer') }, showLog];
    default:
      return [showLog];
  }
}

function isTerminalLimit({ args = {} }: CodedError): boolean {
  return 'active' in args && 'max' in args;
}

function openSettings(key: string): Remedy {
  return {
    label: vscode.l10n.t('Open Settings'),
    run: () => vscode.commands.executeCommand('workbench.action.openSettings', `@id:${key}`),
  };
}

function command(id: string): () => Thenable<unknown> {
  return () => vscode.commands.executeCommand(id);
}

function settingsPlatform(): string {
  if (process.platform === 'win32') return 'windows';
  return process.platform === 'darwin' ? 'osx' : 'linux';
}
