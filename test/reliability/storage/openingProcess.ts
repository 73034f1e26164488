import { writeSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { compactTurn } from '../../../server/src/agents/compactEvents.ts';
import { earlierPage } from '../../../server/src/agents/earlierPage.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { message } from '../../unit/storage/storageFixture.ts';

/**
 * Opens a conversation, goes back in it page by page, appends to it, waits for nothing, closes it; says on stdout what it saw and the most memory that
 * it had. Arguments: data folder, conversation.
 */
const maxPages = 100;
const [dataFolder = '', conversation = ''] = process.argv.slice(2);
const logger = createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn');
const store = new JournalStore({ dataFolder, logger, clock: systemClock, compactTurn });
const startedAt = performance.now();
const journal = await store.open(conversation as ConversationId);
const openedMs = Math.round(performance.now() - startedAt);
const kept = journal.events().length;
const last = journal.events().at(-1)?.sequence ?? 0;
const pageMs: number[] = [];
const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
let reached = last + 1;
for (let pages = 0; pages < maxPages && reached > 1; pages += 1) {
  const began = performance.now();
  const page = await earlierPage(journal.eventsBefore(reached, AbortSignal.timeout(30_000)), reached, 200);
  pageMs.push(Math.round(performance.now() - began));
  if (page.earliestSequence >= reached) throw new Error('The page goes no further back.');
  reached = page.earliestSequence;
}
delays.disable();
const oldest = await earlierPage(journal.eventsBefore(30, AbortSignal.timeout(30_000)), 30, 200);
const [appended] = await journal.append([message('behind it all')]);
await store.dispose();
const { access, droppedThrough } = journal;
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
const slowestPageMs = Math.max(...pageMs);
const blockedMs = Math.round(delays.max / 1e6);
const back = { reached, slowestPageMs, blockedMs, oldest: oldest.events[0]?.sequence };
writeSync(
  1,
  JSON.stringify({ access, kept, last, droppedThrough, appended: appended?.sequence, openedMs, peakMiB, ...back }),
);
