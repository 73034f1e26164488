import type { TerminalInfo } from '../../protocol/terminal.ts';
import { ageOf, cell, textTable, uniqueIdChars } from './textTable.ts';

const heads = ['ID', 'STATE', 'SIZE', 'AGE', 'OWNER', 'NAME', 'FOLDER', 'COMMAND'];

/** The terminals as lines of a table, the oldest first. `nowMs` is milliseconds since 1970. */
export function terminalTable(terminals: readonly TerminalInfo[], nowMs: number): string {
  const idChars = uniqueIdChars(terminals.map(({ sessionId }) => sessionId));
  const rows = terminals.map((terminal) => [
    terminal.sessionId.slice(0, idChars),
    stateOf(terminal),
    `${terminal.cols}x${terminal.rows}`,
    ageOf(nowMs - terminal.createdAt),
    terminal.owner.kind === 'person' ? 'you' : 'agent',
    ...[terminal.name, terminal.currentFolder, commandOf(terminal)].map(cell),
  ]);
  return textTable([heads, ...rows]);
}

function stateOf({ status, exitCode, signal, waitsForInput }: TerminalInfo): string {
  if (status === 'active') return waitsForInput ? 'asks' : 'running';
  if (status === 'lost') return 'lost';
  return signal === undefined ? `exit ${exitCode ?? '?'}` : `signal ${signal}`;
}

function commandOf({ owner, lastCommand }: TerminalInfo): string {
  const commandLine = owner.kind === 'agent' ? owner.commandLine : lastCommand?.commandLine;
  return commandLine ?? '';
}
