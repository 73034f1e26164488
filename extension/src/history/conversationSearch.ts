import * as vscode from 'vscode';
import type { SearchHit } from '../../../server/protocol/conversation.ts';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { messageFor } from '../errors.ts';
import { describeError, logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { ConversationHistory } from './conversationHistory.ts';
import { dayLabel, dayOf } from './historyDates.ts';
import { iconOf, isOpenable, titleOf } from './historyTree.ts';

/** Typing is waited for so long before the server is asked. */
const typingPauseMs = 150;
/** While the index is being built the same is asked again after this time. */
const askAgainMs = 1_000;
const maxHits = 100;

interface Services {
  readonly client: Pick<ServerClient, 'request'>;
  readonly history: ConversationHistory;
  readonly clock: Clock;
  readonly log: Log;
}

type Entry = vscode.QuickPickItem & { readonly sessionId?: string };

const icons: Readonly<Record<SearchHit['kind'], string>> = {
  title: 'comment-discussion',
  user: 'account',
  agent: 'sparkle',
  command: 'terminal',
  file: 'file',
};

/** Lets the person search in all conversations of the folder; resolves with the one picked, if one was. */
export async function pickConversation(services: Services): Promise<string | undefined> {
  const search = new ConversationSearch(services);
  try {
    return await search.picked();
  } finally {
    search.dispose();
  }
}

/** A list that is filled by the server while the person types; with nothing typed, by the latest conversations. */
class ConversationSearch implements Disposable {
  private readonly services: Services;
  private readonly store = new DisposableStore();
  private readonly list: vscode.QuickPick<Entry>;
  private timer: Disposable | undefined;
  private asked = 0;

  constructor(services: Services) {
    this.services = services;
    this.list = this.store.add(vscode.window.createQuickPick<Entry>());
    this.list.title = vscode.l10n.t('Search Conversations');
    this.list.placeholder = vscode.l10n.t('Words in messages, commands and file names');
    this.list.matchOnDetail = true;
    this.store.add(this.list.onDidChangeValue(() => this.askAfter(typingPauseMs)));
  }

  async picked(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.store.add(
      this.list.onDidAccept(() => {
        const [entry] = this.list.selectedItems;
        if (entry?.sessionId !== undefined) resolve(entry.sessionId);
      }),
    );
    this.store.add(this.list.onDidHide(() => resolve(undefined)));
    this.list.show();
    this.askAfter(0);
    return promise;
  }

  dispose(): void {
    this.asked += 1;
    this.timer?.dispose();
    this.store.dispose();
  }

  private askAfter(delayMs: number): void {
    this.timer?.dispose();
    this.timer = this.services.clock.after(delayMs, () => {
      logFailure(this.services.log, 'Searching conversations', this.ask());
    });
  }

  private async ask(): Promise<void> {
    const number = (this.asked += 1);
    const query = this.list.value.trim();
    this.list.busy = true;
    const entries = await this.entriesFor(query);
    // The person has typed on, or gone away.
    if (number !== this.asked) return;
    this.list.busy = false;
    this.list.items = entries;
  }

  private async entriesFor(query: string): Promise<Entry[]> {
    const { client, history, log, clock } = this.services;
    try {
      if (query === '') {
        const latest = (await history.list()).filter(isOpenable).slice(0, maxHits);
        return latest.map((one) => conversationEntry(one, clock.now()));
      }
      const { hits, isComplete } = await client.request('conversation/search', { query, limit: maxHits });
      const entries = hits.map((hit) => hitEntry(hit, clock.now()));
      if (isComplete) return entries.length > 0 ? entries : [note('$(info)', vscode.l10n.t('Nothing found.'))];
      this.askAfter(askAgainMs);
      return [...entries, note('$(loading~spin)', vscode.l10n.t('Older conversations are still being indexed…'))];
    } catch (error) {
      log.error(`Searching conversations failed: ${describeError(error)}`);
      return [note('$(error)', messageFor(error))];
    }
  }
}

function conversationEntry(conversation: ConversationSummary, now: number): Entry {
  return {
    label: titleOf(conversation),
    description: dayLabel(dayOf(conversation.updatedAt), now),
    iconPath: iconOf(conversation),
    sessionId: conversation.sessionId,
  };
}

function hitEntry(hit: SearchHit, now: number): Entry {
  return {
    label: titleOf(hit),
    description: dayLabel(dayOf(hit.at), now),
    // A title that was found says nothing more in a second line.
    ...(hit.kind === 'title' ? {} : { detail: hit.snippet }),
    iconPath: new vscode.ThemeIcon(icons[hit.kind]),
    // The server has matched it already, by words that VS Code may not find in what is shown.
    alwaysShow: true,
    sessionId: hit.sessionId,
  };
}

function note(icon: string, text: string): Entry {
  return { label: `${icon} ${text}`, alwaysShow: true };
}
