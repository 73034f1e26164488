import * as vscode from 'vscode';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { fenced } from '../promptContext.ts';
import type { ServerClient } from '../server/serverClient.ts';

/** What a terminal wrote last, as a person means it: its last command, or else its screen. */
export interface LastOutput {
  readonly folder: string;
  readonly text: string;
  /** The beginning was left out. */
  readonly isCut: boolean;
  readonly command?: { readonly line: string; readonly exitCode?: number | null };
}

/** More of one command is no longer read by anybody; its end is what matters. */
const maxBytes = 49_152;

type Client = Pick<ServerClient, 'request'>;

/** Reads what a terminal wrote last. Rejects with `NotFound` where it is gone. */
export async function readLastOutput(client: Client, terminal: TerminalInfo): Promise<LastOutput> {
  const { owner, exitCode, currentFolder } = terminal;
  if (owner.kind === 'agent') {
    const command = { line: owner.commandLine, ...(terminal.status === 'exited' && { exitCode: exitCode ?? null }) };
    return { folder: currentFolder, command, ...(await readRange(client, terminal, 0, terminal.producedBytes)) };
  }
  const { sessionId } = terminal;
  const last = (await client.request('terminal/commands', { sessionId, limit: 1 })).commands.at(-1);
  if (!last) {
    const { text } = await client.request('terminal/snapshot', { sessionId });
    return { folder: currentFolder, text, isCut: false };
  }
  const command = { line: last.commandLine, ...(last.exitCode !== undefined && { exitCode: last.exitCode }) };
  const { fromOffset, toOffset = terminal.producedBytes } = last.output;
  return { folder: last.cwd, command, ...(await readRange(client, terminal, fromOffset, toOffset)) };
}

/** As context for a prompt: what was run, where and how it ended, and its output. */
export function describeOutput({ folder, text, isCut, command }: LastOutput): string {
  const output = fenced(`${isCut ? '…\n' : ''}${text.trimEnd()}`);
  if (!command) return `${vscode.l10n.t('Screen of a terminal in {0}:', folder)}\n${output}`;
  return `${endText(command.exitCode, folder)}\n${fenced(command.line, 'sh')}${output}`;
}

function endText(exitCode: number | null | undefined, folder: string): string {
  if (exitCode === undefined) return vscode.l10n.t('Command in {0}, which still runs, and its output so far:', folder);
  return exitCode === null
    ? vscode.l10n.t('Command in {0}, which a signal ended, and its output:', folder)
    : vscode.l10n.t('Command in {0}, which ended with exit code {1}, and its output:', folder, exitCode);
}

async function readRange(
  client: Client,
  { sessionId }: TerminalInfo,
  from: number,
  to: number,
): Promise<Pick<LastOutput, 'text' | 'isCut'>> {
  const fromOffset = Math.max(from, to - maxBytes);
  // A command that is the last one to be told of and has written nothing.
  if (to <= fromOffset) return { text: '', isCut: false };
  const read = await client.request('terminal/readOutput', { sessionId, fromOffset, toOffset: to, maxBytes });
  return { text: read.text, isCut: read.fromOffset > from };
}
