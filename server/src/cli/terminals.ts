import { CodedError } from '../../protocol/errors.ts';
import type { TerminalInfo } from '../../protocol/terminal.ts';
import type { LogLevel } from '../base/logger.ts';
import type { DetachKey } from './detachKey.ts';
import { exitCodes, exitCodeOfSignal } from './exitCodes.ts';
import { findByIdPrefix, type ThingNames } from './idPrefix.ts';
import { withLocalServer, type LocalServer } from './localServer.ts';
import { createProcessLogger } from './processLogger.ts';
import { TerminalAttachment, type AttachmentEnd } from './terminalAttachment.ts';
import { terminalOutput } from './terminalOutput.ts';
import { terminalTable } from './terminalTable.ts';
import { cell } from './textTable.ts';

export interface TerminalsOptions {
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
}
export interface ListOptions extends TerminalsOptions {
  readonly json?: true;
}
export interface AttachOptions extends TerminalsOptions {
  readonly detachKey: DetachKey;
  readonly readOnly?: true;
}

const terminalNames: ThingNames = {
  one: 'terminal',
  many: 'terminals',
  none: 'no terminal is open',
  listedBy: 'ai-dev-assistant terminals list',
};

/** Log lines kept while a terminal fills the screen; later ones are dropped. */
const maxHeldLines = 100;

/** Prints the terminals of the data folder. */
export async function listTerminals(options: ListOptions): Promise<void> {
  await withTerminals(options, async (server) => {
    const terminals = await listed(server);
    if (options.json === true) terminalOutput.printJson({ terminals });
    else if (terminals.length === 0) terminalOutput.print('No terminal is open.\n');
    else terminalOutput.print(terminalTable(terminals, Date.now()));
  });
}

/** Ends a terminal and forgets it. */
export async function killTerminal(id: string, options: TerminalsOptions): Promise<void> {
  await withTerminals(options, async (server) => {
    const terminal = terminalNamed(await listed(server), id);
    await server.call('terminal/close', { sessionId: terminal.sessionId });
    terminalOutput.print(`Closed ${titleOf(terminal)}.\n`);
  });
}

/** Shows a terminal in this one until it ends, or the detach key is pressed. Sets the exit code. */
export async function attachTerminal(id: string, options: AttachOptions): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new CodedError('Unsupported', 'To attach, stdin and stdout must be a terminal; here they are not.');
  }
  const heldLines: string[] = [];
  let isShowing = false;
  const write = (line: string): void => {
    if (!isShowing) terminalOutput.tell(line);
    // A line in the middle of somebody's editor would be taken for a part of the text.
    else if (heldLines.length < maxHeldLines) heldLines.push(line);
  };
  const attach = async (server: LocalServer): Promise<void> => {
    const terminal = terminalNamed(await listed(server), id);
    const isReadOnly = options.readOnly === true;
    const attachment = new TerminalAttachment({ server, terminal, detachKey: options.detachKey, isReadOnly });
    isShowing = true;
    const end = await attachment.run().finally(() => {
      isShowing = false;
      for (const line of heldLines) terminalOutput.tell(line);
    });
    terminalOutput.tell(`[${sentenceOf(end, titleOf(terminal))}]\n`);
    process.exitCode = exitCodeOf(end);
  };
  await withTerminals(options, attach, write);
}

function withTerminals(
  { dataDir, logLevel = 'warn' }: TerminalsOptions,
  use: (server: LocalServer) => Promise<void>,
  write?: (line: string) => void,
): Promise<void> {
  const { logger } = createProcessLogger(logLevel, write);
  return withLocalServer({ dataDir, workspace: undefined, logger, startsPtyHost: false }, use);
}

async function listed(server: LocalServer): Promise<readonly TerminalInfo[]> {
  try {
    return (await server.call('terminal/list', {})).terminals;
  } catch (error) {
    // No pty host runs, and so no terminal does.
    if (error instanceof CodedError && error.reason === 'NotFound') return [];
    throw error;
  }
}

function terminalNamed(terminals: readonly TerminalInfo[], id: string): TerminalInfo {
  return findByIdPrefix(terminals, id, terminalNames);
}

function titleOf({ sessionId, name }: TerminalInfo): string {
  return `${sessionId.slice(0, 8)} "${cell(name)}"`;
}

function sentenceOf(end: AttachmentEnd, title: string): string {
  switch (end.kind) {
    case 'detached':
      return `detached from ${title}, which goes on`;
    case 'exited':
      return end.signal === undefined
        ? `${title} has ended with exit code ${end.exitCode ?? 'unknown'}`
        : `${title} was ended by signal ${end.signal}`;
    case 'lost':
      return `${title} is gone: ${end.reason}`;
    case 'signalled':
      return `detached from ${title} by ${end.signal}`;
  }
}

function exitCodeOf(end: AttachmentEnd): number {
  switch (end.kind) {
    case 'detached':
      return exitCodes.done;
    case 'exited':
      return end.exitCode ?? (end.signal === undefined ? exitCodes.failed : exitCodeOfSignal(end.signal));
    case 'lost':
      return exitCodes.failed;
    case 'signalled':
      return exitCodeOfSignal(end.signal);
  }
}
