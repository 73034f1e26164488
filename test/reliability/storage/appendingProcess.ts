import { writeSync } from 'node:fs';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { message } from '../../unit/storage/storageFixture.ts';

/**
 * Appends to a conversation until it is killed, and says on stdout, by a write that has happened when it returns, what
 * has been acknowledged. Arguments: data folder, conversation, number of the round.
 */
const [dataFolder = '', conversation = '', round = ''] = process.argv.slice(2);
const logger = createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn');
const store = new JournalStore({ dataFolder, logger, clock: systemClock });
const journal = await store.open(conversation as ConversationId);
writeSync(1, `access ${journal.access}\n`);

async function appendForEver(writer: number): Promise<void> {
  for (let number = 0; ; number += 1) {
    const text = `round ${round} writer ${writer} number ${number} ${'x'.repeat((number * 37) % 3_000)}`;
    const [event] = await journal.append([message(text)]);
    writeSync(1, `acknowledged ${event?.sequence ?? 0} ${text}\n`);
  }
}
await Promise.all([1, 2, 3].map(appendForEver));
