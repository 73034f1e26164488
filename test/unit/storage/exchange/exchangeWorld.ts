import assert from 'node:assert/strict';
import * as path from 'node:path';
import type { ConversationSummary } from '../../../../server/protocol/session.ts';
import type { ConversationId, SessionEvent, SessionUpdate } from '../../../../server/protocol/sessionEvents.ts';
import { compactTurn } from '../../../../server/src/agents/compactEvents.ts';
import { systemClock, type Clock } from '../../../../server/src/base/clock.ts';
import { nodeFileSystem, type FileSystem } from '../../../../server/src/base/fileSystem.ts';
import { StorageGate } from '../../../../server/src/storage/backups/storageGate.ts';
import { ConversationExchange } from '../../../../server/src/storage/exchange/conversationExchange.ts';
import { RecordedAudit } from '../../../support/recordedAudit.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { filesBelow } from '../backups/backupWorld.ts';
import { StorageFixture } from '../storageFixture.ts';
import { writeConversations } from '../../../support/writtenConversations.ts';

export type Format = 'json' | 'markdown';
const never = new AbortController().signal;

interface WorldParts {
  readonly clock?: Clock;
  readonly fileSystem?: (root: string) => FileSystem;
  readonly folders?: readonly string[];
}

/** A data folder with an exchange on it, as a server has one. */
export class ExchangeWorld {
  readonly fixture = new StorageFixture();
  readonly imported: ConversationSummary[] = [];
  readonly audit = new RecordedAudit();
  readonly exchange: ConversationExchange;
  readonly lines: string[];

  /** `fileSystem` is given the folder in which the data folder is to be. */
  constructor({ fileSystem, folders, clock = systemClock }: WorldParts = {}) {
    const { logger, lines } = recordingLogger();
    this.lines = lines;
    this.exchange = new ConversationExchange({
      dataFolder: this.fixture.dataFolder,
      fileSystem: fileSystem?.(this.fixture.folder) ?? nodeFileSystem,
      clock,
      logger,
      compactTurn,
      journals: this.fixture.store(),
      index: { noteChanged: () => undefined },
      audit: this.audit,
      workspace: { folders: folders ?? [this.fixture.folder] },
      gate: new StorageGate(systemClock),
      onImported: (session) => this.imported.push(session),
    });
  }

  /** A conversation with these updates, written straight to the disk. */
  write(updates: readonly SessionUpdate[]): ConversationId {
    const { ids } = writeConversations(this.fixture.dataFolder, this.fixture.folder, [
      { updates, at: 1_777_887_000_000 },
    ]);
    return ids[0] ?? assert.fail();
  }

  /** The whole document, all pages joined. */
  async exported(sessionId: ConversationId, format: Format = 'json'): Promise<string> {
    let { content, nextCursor } = await this.exchange.export({ sessionId, format }, never);
    while (nextCursor !== undefined) {
      const page = await this.exchange.export({ sessionId, format, cursor: nextCursor }, never);
      content += page.content;
      nextCursor = page.nextCursor;
    }
    return content;
  }

  /** Imports a document in one request. */
  async import(content: string, cwd?: string): Promise<{ sessionId: ConversationId; title: string }> {
    const result = await this.exchange.import({ content, isPart: false, ...(cwd !== undefined && { cwd }) }, never);
    assert.ok('sessionId' in result);
    return result;
  }

  /** The events of a conversation as a server reads them. */
  async eventsOf(sessionId: ConversationId): Promise<readonly SessionEvent[]> {
    const store = this.fixture.store();
    const journal = await store.open(sessionId);
    const events = [...journal.events()];
    await store.dispose();
    return events;
  }

  /** Every file of the data folder but locks. */
  files(): string[] {
    return filesBelow(this.fixture.dataFolder).filter((name) => !name.includes('.lock-'));
  }

  journalOf(sessionId: ConversationId): string {
    return path.join(this.fixture.conversationFolder(), `${sessionId}.journal`);
  }

  async dispose(): Promise<void> {
    await this.exchange.dispose();
    await this.fixture.close();
    this.fixture.remove();
  }
}

/** What of an export has to be the same after an import: all but ids, times and folders that must differ. */
export function essence(json: string): unknown {
  const { conversationId: _id, cwd: _cwd, imported: _imported, ...rest } = JSON.parse(json) as Record<string, unknown>;
  return rest;
}
