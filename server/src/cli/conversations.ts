import { createReadStream } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import { conversationId, type ConversationId } from '../../protocol/sessionEvents.ts';
import type { ConversationSummary } from '../../protocol/session.ts';
import { errorCode } from '../base/fileSystem.ts';
import type { LogLevel } from '../base/logger.ts';
import { findByIdPrefix } from './idPrefix.ts';
import { withLocalServer, type LocalServer } from './localServer.ts';
import { createProcessLogger } from './processLogger.ts';
import { terminalOutput } from './terminalOutput.ts';
import { ageOf, cell, textTable, uniqueIdChars } from './textTable.ts';

interface ConversationsOptions {
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
}
export interface ListConversationsOptions extends ConversationsOptions {
  readonly workspace?: string;
  readonly json?: true;
}
export interface ExportOptions extends ConversationsOptions {
  readonly format: 'markdown' | 'json';
  readonly output?: string;
}
export interface ImportOptions extends ConversationsOptions {
  readonly workspace: string;
  readonly json?: true;
}

/** Bytes of a file that are read at a time: fewer characters than one request may bring. */
const partBytes = 1_000_000;
const maxListed = 10_000;
const wholeIdChars = 36;

const heads = ['ID', 'STATE', 'AGE', 'TITLE', 'FOLDER'];

/** Prints the conversations of a workspace, or all, the latest first. */
export async function listConversations(options: ListConversationsOptions): Promise<void> {
  await withConversations(options, options.workspace, async (server) => {
    const sessions = await listed(server);
    if (options.json === true) terminalOutput.printJson({ sessions });
    else if (sessions.length === 0) terminalOutput.print('There is no conversation yet.\n');
    else terminalOutput.print(conversationTable(sessions, Date.now()));
  });
}

/** The id of the conversation that was named by it, or by as much of it as no other begins with. */
export async function conversationNamed(server: LocalServer, id: string): Promise<ConversationId> {
  // A whole id needs no list, which may leave conversations out in which nothing was said yet.
  const whole = conversationId.safeParse(id);
  if (whole.success && id.length >= wholeIdChars) return whole.data;
  const { sessionId } = findByIdPrefix(await listed(server), id, {
    one: 'conversation',
    many: 'conversations',
    none: 'there is none yet',
    listedBy: 'ai-dev-assistant conversations list',
  });
  return sessionId;
}

async function listed(server: LocalServer): Promise<readonly ConversationSummary[]> {
  return (await server.call('session/list', { limit: maxListed })).sessions;
}

function conversationTable(sessions: readonly ConversationSummary[], nowMs: number): string {
  const idChars = uniqueIdChars(sessions.map(({ sessionId }) => sessionId));
  const rows = sessions.map(({ sessionId, title, cwd, updatedAt, ...state }) => [
    sessionId.slice(0, idChars),
    stateOf(state),
    ageOf(nowMs - updatedAt),
    cell(title),
    cell(cwd),
  ]);
  return textTable([heads, ...rows]);
}

function stateOf({ running, access, unopenable }: Pick<ConversationSummary, 'running' | 'access' | 'unopenable'>) {
  if (unopenable !== undefined) return 'damaged';
  if (running) return 'running';
  return access === 'read' ? 'elsewhere' : 'idle';
}

/** Writes a conversation as a document, to a file or to stdout. A file is there whole or stays as it was. */
export async function exportConversation(id: string, options: ExportOptions): Promise<void> {
  const { output } = options;
  await withConversations(options, undefined, async (server) => {
    const pages = pagesOf(server, await conversationNamed(server, id), options.format);
    if (output === undefined) {
      for await (const page of pages) await terminalOutput.printDocument(page);
    } else {
      await writeWhole(output, pages);
      terminalOutput.tell(`Written to ${output}. It holds everything that was said, secrets included.\n`);
    }
  });
}

/** Begins a conversation with what a file holds. */
export async function importConversation(file: string, options: ImportOptions): Promise<void> {
  await withConversations(options, options.workspace, async (server) => {
    const { sessionId, title } = await sendFile(server, file);
    if (options.json === true) terminalOutput.printJson({ sessionId, title });
    else terminalOutput.print(`Imported "${cell(title)}" as conversation ${sessionId}.\n`);
  });
}

async function* pagesOf(
  server: LocalServer,
  sessionId: ConversationId,
  format: ExportOptions['format'],
): AsyncGenerator<string> {
  let cursor: string | undefined;
  do {
    const params = { sessionId, format, ...(cursor !== undefined && { cursor }) };
    const page = await server.call('conversation/export', params);
    yield page.content;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

async function writeWhole(output: string, pages: AsyncIterable<string>): Promise<void> {
  const file = path.resolve(output);
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, pages, { mode: 0o600, flag: 'wx', flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileFailed(`write ${output}`, error);
  }
}

/** Sends each part when the next one is there, so that the last one is known to be the last. */
async function sendFile(server: LocalServer, file: string): Promise<{ sessionId: string; title: string }> {
  let [waiting, cursor]: [string, string | undefined] = ['', undefined];
  const send = async (content: string, isPart: boolean) => {
    const answer = await server.call('conversation/import', {
      content,
      isPart,
      ...(cursor !== undefined && { cursor }),
    });
    if ('nextCursor' in answer) cursor = answer.nextCursor;
    return answer;
  };
  for await (const part of textOf(file)) {
    if (waiting !== '') await send(waiting, true);
    waiting = part;
  }
  const answer = await send(waiting, false);
  if ('sessionId' in answer) return answer;
  throw new Error('The last part of an import was answered like one in between');
}

async function* textOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    const stream = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: partBytes });
    for await (const bytes of stream) yield decoder.decode(bytes as Buffer, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) {
      throw new CodedError('InvalidParams', `Nothing was imported: ${file} is no text in UTF-8.`, {
        cause: error,
      });
    }
    throw fileFailed(`read ${file}`, error);
  }
}

function fileFailed(what: string, error: unknown): unknown {
  const code = errorCode(error);
  if (error instanceof CodedError || code === undefined) return error;
  return new CodedError('Unavailable', `Could not ${what} (${code}). Look at its path and permissions.`, {
    cause: error,
  });
}

async function withConversations(
  { dataDir, logLevel = 'warn' }: ConversationsOptions,
  workspace: string | undefined,
  use: (server: LocalServer) => Promise<void>,
): Promise<void> {
  const { logger } = createProcessLogger(logLevel);
  await withLocalServer({ dataDir, workspace, logger, startsPtyHost: false }, use);
}
