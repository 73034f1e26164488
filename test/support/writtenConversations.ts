import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ConversationId, SessionUpdate } from '../../server/protocol/sessionEvents.ts';
import { eventJson, headerJson } from '../../server/src/storage/journalFormat.ts';
import { encodeRecord } from '../../server/src/storage/recordCodec.ts';
import { workspaceKey } from '../../server/src/storage/workspaceKey.ts';

/** A journal as it is to stand on the disk. */
export interface WrittenConversation {
  readonly updates: readonly SessionUpdate[];
  /** Milliseconds since 1970 of its first event; each further one is a second later. */
  readonly at?: number;
  readonly id?: string;
  /** Given to the file as its time of change; the present if left out. */
  readonly modifiedAt?: number;
}

/** The bytes of a conversation's journal. */
export function journalBytes(
  id: string,
  workspaceFolder: string,
  { updates, at = Date.now() }: WrittenConversation,
): Buffer {
  const header = {
    conversationId: id as ConversationId,
    cwd: workspaceFolder,
    createdAt: at,
    workspaceFolders: [workspaceFolder],
  };
  const events = updates.map((update, index) => eventJson(index + 1, at + index * 1000, JSON.stringify(update), 1));
  return Buffer.concat([headerJson(header), ...events].map(encodeRecord));
}

/** Writes journals straight to the disk, as quickly as many of them are needed. Answers their ids and their folder. */
export function writeConversations(
  dataFolder: string,
  workspaceFolder: string,
  conversations: readonly WrittenConversation[],
): { ids: ConversationId[]; folder: string; workspace: string } {
  const workspace = workspaceKey([workspaceFolder]);
  const folder = path.join(dataFolder, 'conversations', workspace);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ids = conversations.map((conversation) => {
    const id = conversation.id ?? randomUUID();
    const file = path.join(folder, `${id}.journal`);
    fs.writeFileSync(file, journalBytes(id, workspaceFolder, conversation), { mode: 0o600 });
    if (conversation.modifiedAt !== undefined) {
      fs.utimesSync(file, conversation.modifiedAt / 1000, conversation.modifiedAt / 1000);
    }
    return id as ConversationId;
  });
  return { ids, folder, workspace };
}

/** A turn as the server writes one: a question, a command, an answer, what it used. */
export function turnUpdates(turn: {
  readonly id: string;
  readonly question: string;
  readonly answer: string;
  readonly command?: string;
  readonly file?: string;
  readonly model?: string;
  readonly tokens?: { readonly inputTokens: number; readonly outputTokens: number };
}): SessionUpdate[] {
  const { id, question, answer, command, file, model = 'ollama/test', tokens } = turn;
  const text = (content: string) => ({ type: 'text' as const, text: content });
  return [
    { sessionUpdate: 'turn_started', turnId: id, model },
    { sessionUpdate: 'user_message_chunk', messageId: `${id}u`, content: text(question) },
    ...(command === undefined
      ? []
      : [
          {
            sessionUpdate: 'tool_call' as const,
            toolCallId: `${id}c`,
            title: command,
            kind: 'execute' as const,
            status: 'pending' as const,
            rawInput: { command },
          },
        ]),
    ...(file === undefined
      ? []
      : [
          {
            sessionUpdate: 'tool_call' as const,
            toolCallId: `${id}f`,
            title: `Read ${file}`,
            kind: 'read' as const,
            status: 'pending' as const,
            locations: [{ path: file }],
          },
        ]),
    { sessionUpdate: 'agent_message_chunk', messageId: `${id}a`, content: text(answer) },
    ...(tokens === undefined ? [] : [{ sessionUpdate: 'usage_update' as const, used: 1, turn: tokens }]),
    { sessionUpdate: 'turn_ended', turnId: id, stopReason: 'end_turn' },
  ];
}
