import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import type { ConversationJournal } from '../../../server/src/storage/conversationJournal.ts';
import { eventJson } from '../../../server/src/storage/journalFormat.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { writeConversations } from '../../support/writtenConversations.ts';
import { inTurn, summarize } from '../statistics.ts';
import type { Comparison } from './comparison.ts';

const lengths = [1, 1_000, 100_000];
const appendsARound = 50;
const writers = 50;
const openedEvents = 10_000;
const update: SessionUpdate = {
  sessionUpdate: 'agent_message_chunk',
  messageId: 'answer',
  content: { type: 'text', text: 'Some forty characters of a longer text.' },
};

/** Appending to journals and opening them, beside a bare file that gets the same bytes in the same way. */
export async function measureJournals(rounds: number): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const length of lengths) comparisons.push(await measureAppend(length, rounds));
  comparisons.push(await measureTogether(rounds), await measureOpening(rounds));
  return comparisons;
}

async function measureAppend(length: number, rounds: number): Promise<Comparison> {
  return withJournal(length, async ({ journal, bare }) => {
    const record = encodeRecord(eventJson(length, Date.now(), JSON.stringify(update), 1));
    const times = await inTurn(
      rounds,
      () => perCall(appendsARound, () => journal.append([update])),
      () => perCall(appendsARound, () => bare(record)),
    );
    return {
      what: `append to a journal of ${length.toLocaleString('en')} events`,
      unit: 'µs',
      ours: summarize(times.ours),
      bare: summarize(times.bare),
      peer: 'write + fdatasync',
      targetRatio: 2,
    };
  });
}

async function measureTogether(rounds: number): Promise<Comparison> {
  return withJournal(1, async ({ journal, bare }) => {
    const record = encodeRecord(eventJson(1, Date.now(), JSON.stringify(update), 1));
    const together = Buffer.concat(Array.from({ length: writers }, () => record));
    const times = await inTurn(
      rounds,
      () => perCall(appendsARound, () => Promise.all(Array.from({ length: writers }, () => journal.append([update])))),
      () => perCall(appendsARound, () => bare(together)),
    );
    return {
      what: `one append each of ${writers} writers at once`,
      unit: 'µs',
      ours: summarize(times.ours),
      bare: summarize(times.bare),
      peer: 'one write of all + fdatasync',
    };
  });
}

async function measureOpening(rounds: number): Promise<Comparison> {
  return withJournal(openedEvents, async ({ journal, store, file }) => {
    const { conversationId } = journal.header;
    await journal.close();
    const times = await inTurn(
      rounds,
      async () => {
        const startedAt = performance.now();
        const opened = await store.open(conversationId);
        const tookMs = performance.now() - startedAt;
        if (opened.events().length < openedEvents) throw new Error('Not all of it was read.');
        await opened.close();
        return tookMs;
      },
      async () => {
        const startedAt = performance.now();
        const lines = (await fs.readFile(file, 'utf8')).split('\n');
        const events = lines.filter(Boolean).map((line) => JSON.parse(line.slice(line.indexOf('{'))) as unknown);
        if (events.length < openedEvents) throw new Error('Not all of it was read.');
        return performance.now() - startedAt;
      },
    );
    return {
      what: `open a journal of ${openedEvents.toLocaleString('en')} events`,
      unit: 'ms',
      ours: summarize(times.ours),
      bare: summarize(times.bare),
      peer: 'readFile + JSON.parse',
    };
  });
}

interface Measured {
  readonly journal: ConversationJournal;
  readonly store: JournalStore;
  readonly file: string;
  /** Appends to a file of the same length, durably. */
  readonly bare: (bytes: Uint8Array) => Promise<void>;
}

async function withJournal<T>(length: number, measure: (measured: Measured) => Promise<T>): Promise<T> {
  const folder = temporaryFolder();
  const { logger } = recordingLogger();
  const store = new JournalStore({ dataFolder: folder.path, logger, clock: systemClock });
  const updates = Array.from({ length }, () => update);
  const { ids, folder: journals } = writeConversations(folder.path, folder.path, [{ id: randomUUID(), updates }]);
  const file = path.join(journals, `${ids[0] ?? ''}.journal`);
  const copy = path.join(folder.path, 'bare');
  await fs.copyFile(file, copy);
  const handle = await fs.open(copy, 'a');
  try {
    const [id] = ids;
    if (id === undefined) throw new Error('Nothing was written.');
    const bare = async (bytes: Uint8Array): Promise<void> => {
      await handle.write(bytes);
      await handle.datasync();
    };
    return await measure({ journal: await store.open(id), store, file, bare });
  } finally {
    await handle.close();
    await store.dispose();
    folder.remove();
  }
}

/** Microseconds of one call, one after another. */
async function perCall(calls: number, call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  for (let index = 0; index < calls; index++) await call();
  return ((performance.now() - startedAt) * 1000) / calls;
}
