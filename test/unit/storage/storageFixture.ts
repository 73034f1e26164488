import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import type { ConversationJournal } from '../../../server/src/storage/conversationJournal.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

/** A data folder of a test's own, and the stores on it. */
export class StorageFixture {
  readonly folder: string = mkdtempSync(path.join(realpathSync(tmpdir()), 'aida storage ä-'));
  readonly dataFolder: string = path.join(this.folder, 'data');
  readonly lines: string[];
  private readonly logger;
  private readonly stores: JournalStore[] = [];

  constructor() {
    const { logger, lines } = recordingLogger();
    this.logger = logger;
    this.lines = lines;
  }

  store(parts: Partial<ConstructorParameters<typeof JournalStore>[0]> = {}): JournalStore {
    const store = new JournalStore({ dataFolder: this.dataFolder, logger: this.logger, clock: systemClock, ...parts });
    this.stores.push(store);
    return store;
  }

  /** A conversation with one message for each of `texts`, closed; answers its id and its file. */
  async written(
    texts: readonly string[],
  ): Promise<{ id: ConversationJournal['header']['conversationId']; file: string }> {
    const store = this.store();
    const journal = await store.create({ cwd: this.folder, workspaceFolders: [this.folder] });
    for (const text of texts) await journal.append([message(text)]);
    await store.dispose();
    const id = journal.header.conversationId;
    return { id, file: path.join(this.conversationFolder(), `${id}.journal`) };
  }

  conversationFolder(): string {
    const root = path.join(this.dataFolder, 'conversations');
    return path.join(root, readdirSync(root)[0] ?? '');
  }

  async close(): Promise<void> {
    await Promise.all(this.stores.map((store) => store.dispose()));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function message(text: string): SessionUpdate {
  return { sessionUpdate: 'user_message_chunk', messageId: 'm', content: { type: 'text', text } };
}

export function textsOf(events: readonly SessionEvent[]): string[] {
  return events.map(({ update }) =>
    update.sessionUpdate === 'user_message_chunk' && update.content.type === 'text' ? update.content.text : '?',
  );
}

export function sequencesOf(events: readonly SessionEvent[]): number[] {
  return events.map(({ sequence }) => sequence);
}
