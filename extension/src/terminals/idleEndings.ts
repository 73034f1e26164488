import * as vscode from 'vscode';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { logFailure, type Log } from '../log.ts';
import type { TerminalList } from './terminalList.ts';
import { folderText, lastCommandText } from './terminalText.ts';

export interface IdleEndingsOptions {
  readonly list: Pick<TerminalList, 'all' | 'onChanged'>;
  /** Keeps over reloads, and for all windows, of which terminals was told. */
  readonly state: vscode.Memento;
  readonly log: Log;
}

const stateKey = 'idleEndings.told';
/** The list itself forgets them after an hour. */
const maxTold = 200;
/** So many are named in the message; all are in the log and in the view. */
const maxNamed = 3;

/**
 * Says once which idle shells were ended while no window was open: in one message for all of them, and in the log with what is
 * needed to start them again.
 */
export class IdleEndings implements Disposable {
  private readonly options: IdleEndingsOptions;
  private readonly store = new DisposableStore();

  constructor(options: IdleEndingsOptions) {
    this.options = options;
    this.store.add(options.list.onChanged(() => this.look()));
  }

  dispose(): void {
    this.store.dispose();
  }

  private look(): void {
    const { list, state, log } = this.options;
    const told = state.get<readonly string[]>(stateKey, []);
    const ended = list.all.filter(({ endedIdle, sessionId }) => endedIdle === true && !told.includes(sessionId));
    if (ended.length === 0) return;
    const all = [...told, ...ended.map(({ sessionId }) => sessionId)].slice(-maxTold);
    logFailure(log, 'Remembering which terminals have ended', state.update(stateKey, all));
    for (const terminal of ended)
      log.info(`An idle terminal was ended while nobody was connected: ${describe(terminal)}`);
    logFailure(log, 'Telling which terminals have ended', announce(ended));
  }
}

async function announce(ended: readonly TerminalInfo[]): Promise<void> {
  const names = ended.slice(0, maxNamed).map(({ name }) => `“${name}”`);
  const named = [...names, ...(ended.length > maxNamed ? ['…'] : [])].join(', ');
  const settings = vscode.l10n.t('Settings');
  const answer = await vscode.window.showInformationMessage(
    ended.length === 1
      ? vscode.l10n.t('An idle terminal was ended while no window was open: {0}', named)
      : vscode.l10n.t('{0} idle terminals were ended while no window was open: {1}', ended.length, named),
    settings,
  );
  if (answer !== settings) return;
  await vscode.commands.executeCommand('workbench.action.openSettings', '@id:aiDevAssistant.terminals.keepAliveHours');
}

function describe(terminal: TerminalInfo): string {
  const parts = [terminal.name, folderText(terminal), lastCommandText(terminal)];
  return parts.filter((part) => part !== undefined).join(' · ');
}
