import type { conversation } from '../../protocol/conversation.ts';
import type { Handlers } from '../base/handlers.ts';
import type { ConversationExchange } from './exchange/conversationExchange.ts';
import type { ConversationIndex } from './index/conversationIndex.ts';
import type { IndexedConversation, KeyedUsage } from './index/indexedConversation.ts';
import type { ConversationRenamer, WorkspaceSource } from './ports.ts';
import { realFolders, workspaceKey } from './workspaceKey.ts';

interface ConversationServices {
  readonly index: ConversationIndex;
  readonly conversations: ConversationRenamer;
  readonly exchange: ConversationExchange;
  readonly workspace: WorkspaceSource;
}

/** Answers the contract's group `conversation`. */
export function createConversationHandlers({
  index,
  conversations,
  exchange,
  workspace,
}: ConversationServices): Handlers<typeof conversation> {
  /** Undefined, which is every workspace, where no folder is open: a script names none. */
  const openWorkspace = async (): Promise<string | undefined> => {
    const { folders } = workspace;
    return folders.length === 0 ? undefined : workspaceKey(await realFolders(folders));
  };
  return {
    'conversation/search': async ({ query, limit }) => {
      const { result, isComplete } = await index.search(query, limit, await openWorkspace());
      const hits = result.map(({ conversation, ...hit }) => ({
        ...describe(conversation),
        ...hit,
        highlights: [...hit.highlights],
      }));
      return { hits, isComplete };
    },
    'conversation/usage': async ({ fromDay, toDay }) => {
      const { result, isComplete } = await index.usage(fromDay, toDay, await openWorkspace());
      return {
        total: result.total,
        byDay: keyed('day', result.byDay),
        byModel: keyed('model', result.byModel),
        byPersona: keyed('persona', result.byPersona),
        isComplete,
      };
    },
    'conversation/rename': async ({ sessionId, title }) => {
      await conversations.rename(sessionId, title);
      return {};
    },
    'conversation/export': (params, { signal }) => exchange.export(params, signal),
    'conversation/import': (params, { signal }) => exchange.import(params, signal),
  };
}

function describe({ conversationId: sessionId, ...known }: IndexedConversation) {
  const { title, cwd, updatedAt, persona, model, inputTokens, outputTokens, cost, state } = known;
  return { sessionId, title, cwd, updatedAt, persona, model, inputTokens, outputTokens, cost, state };
}

function keyed<Name extends string>(name: Name, sums: readonly KeyedUsage[]) {
  return sums.map(({ key, ...totals }) => ({ ...totals, ...({ [name]: key } as Record<Name, string>) }));
}
