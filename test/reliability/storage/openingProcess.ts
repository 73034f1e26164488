import { writeSync } from 'node:fs';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { compactTurn } from '../../../server/src/agents/compactEvents.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { message } from '../../unit/storage/storageFixture.ts';

/**
 * Opens a conversation, appends to it, waits for nothing, closes it; says on stdout what it saw and the most memory that
 * it had. Arguments: data folder, conversation.
 */
const [dataFolder = '', conversation = ''] = process.argv.slice(2);
const logger = createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn');
const store = new JournalStore({ dataFolder, logger, clock: systemClock, compactTurn });
const startedAt = performance.now();
const journal = await store.open(conversation as ConversationId);
const openedMs = Math.round(performance.now() - startedAt);
const kept = journal.events().length;
const last = journal.events().at(-1)?.sequence ?? 0;
const [appended] = await journal.append([message('behind it all')]);
await store.dispose();
const { access, droppedThrough } = journal;
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
writeSync(1, JSON.stringify({ access, kept, last, droppedThrough, appended: appended?.sequence, openedMs, peakMiB }));
