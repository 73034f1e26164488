import { writeSync } from 'node:fs';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { message } from '../../unit/storage/storageFixture.ts';

/**
 * Appends to conversations until it is killed, and says on stdout, by a write that has happened when it returns, what
 * has been acknowledged. Arguments: data folder, number of the round, conversations. A refusal ends it.
 */
const [dataFolder = '', round = '', ...conversations] = process.argv.slice(2);
const logger = createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn');
const store = new JournalStore({ dataFolder, logger, clock: systemClock });

async function appendForEver(id: ConversationId): Promise<void> {
  const journal = await store.open(id);
  writeSync(1, `access ${journal.access}\n`);
  const write = async (writer: number): Promise<void> => {
    for (let number = 0; ; number += 1) {
      const text = `round ${round} writer ${writer} number ${number} ${'x'.repeat((number * 37) % 3_000)}`;
      const [event] = await journal.append([message(text)]);
      writeSync(1, `acknowledged ${id} ${event?.sequence ?? 0} ${text}\n`);
    }
  };
  await Promise.all([1, 2].map(write));
}

try {
  await Promise.all(conversations.map((id) => appendForEver(id as ConversationId)));
} catch (error) {
  writeSync(1, `refused ${String(error)}\n`);
  process.exit(3);
}
