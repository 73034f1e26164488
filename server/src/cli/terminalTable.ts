import type { TerminalInfo } from '../../protocol/terminal.ts';
import { makeVisible } from '../security/visibleText.ts';
import { textTable } from './textTable.ts';

/** Shortest id that is shown, so that the same one stays right for a while as terminals come. */
const minIdChars = 8;
/** What a program or an agent chose itself is cut: the table is for looking, `--json` has the whole. */
const maxCellChars = 60;
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

/** Characters of the ids that tell them all apart. */
function uniqueIdChars(ids: readonly string[]): number {
  let chars = minIdChars;
  while (new Set(ids.map((id) => id.slice(0, chars))).size < ids.length) chars++;
  return chars;
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

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

function cell(text: string): string {
  const visible = makeVisible(text).replace(/\s+/g, ' ').trim();
  const characters = Array.from(visible);
  return characters.length <= maxCellChars ? visible : `${characters.slice(0, maxCellChars - 1).join('')}…`;
}
