import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import type { ConversationId, SessionEvent } from '../../../server/protocol/sessionEvents.ts';
import { compactTurn } from '../../../server/src/agents/compactEvents.ts';
import { eventsToMessages } from '../../../server/src/agents/eventsToMessages.ts';
import { nodeFileSystem } from '../../../server/src/base/fileSystem.ts';
import type { ConversationJournal } from '../../../server/src/storage/conversationJournal.ts';
import {
  compactedJson,
  eventJson,
  headerJson,
  JournalFold,
  leaseJson,
} from '../../../server/src/storage/journalFormat.ts';
import { readBackward, readForward, type SlicedJournal } from '../../../server/src/storage/journalSlices.ts';
import { RecentEvents } from '../../../server/src/storage/recentEvents.ts';
import { encodeRecord, scanRecords } from '../../../server/src/storage/recordCodec.ts';
import { agent, turnEnded, turnStarted, user } from '../../support/conversationScript.ts';
import { eventually as eventuallyWithin } from '../../support/eventually.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { message, sequencesOf, StorageFixture } from './storageFixture.ts';

const id = 'conversation-of-slices' as ConversationId;
const header = { conversationId: id, cwd: '/', createdAt: 1, workspaceFolders: ['/'] };
/** Some of these journals are large, and other tests may run beside this one. */
const eventually = (what: string, condition: () => boolean | Promise<boolean>) =>
  eventuallyWithin(what, condition, 40_000);
const always = new AbortController().signal;

/** One thing that may stand in a journal. */
type Piece =
  | { readonly kind: 'event'; readonly step: number; readonly olderBy: number; readonly chars: number }
  | { readonly kind: 'lease' | 'compacted' | 'unknown' | 'damaged' | 'torn' };

const piece: fc.Arbitrary<Piece> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      // Numbers that were used before are passed over.
      step: fc.integer({ min: -2, max: 3 }),
      olderBy: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
      chars: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 20_000, max: 90_000 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('lease', 'compacted', 'unknown', 'damaged', 'torn') }),
  },
);

function bytesOf(pieces: readonly Piece[]): Buffer {
  let [sequence, epoch] = [1, 1];
  const records = pieces.map((each) => {
    switch (each.kind) {
      case 'event': {
        sequence = Math.max(1, sequence + each.step);
        const update = JSON.stringify(agent('x'.repeat(each.chars)));
        return encodeRecord(eventJson(sequence, 1, update, Math.max(1, epoch - each.olderBy)));
      }
      case 'lease':
        return encodeRecord(leaseJson((epoch += 1), undefined, 1));
      case 'compacted':
        return encodeRecord(compactedJson({ through: sequence, last: (sequence += 2), sizeBytes: 1 }, 1));
      case 'unknown':
        return encodeRecord(`{"sequence":${(sequence += 1)},"at":1,"update":{"sessionUpdate":"from_the_future"}}`);
      case 'damaged':
        return Buffer.from(`97 00000000 ${'?'.repeat(40_000)}\n`);
      case 'torn':
        return encodeRecord(eventJson((sequence += 1), 1, JSON.stringify(agent('torn')), epoch)).subarray(0, 40);
    }
  });
  return Buffer.concat([encodeRecord(headerJson(header)), ...records]);
}

async function gather(slices: AsyncIterable<readonly SessionEvent[]>): Promise<(readonly SessionEvent[])[]> {
  const all: (readonly SessionEvent[])[] = [];
  for await (const slice of slices) all.push(slice);
  return all;
}

describe('slices of a journal', () => {
  let fixture: StorageFixture;
  beforeEach(() => (fixture = new StorageFixture()));
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  /** The journal in `file` as somebody has it open who holds `keptChars` of it in memory. */
  async function sliced(file: string, keptChars: number): Promise<SlicedJournal> {
    const fold = new JournalFold(path.basename(file), undefined, new RecentEvents(keptChars));
    const open = await nodeFileSystem.open(file, 'read');
    const { goodEnd: endBytes } = await scanRecords(open, 0, fold.take);
    await open.close();
    const { identity } = await nodeFileSystem.stat(file);
    return {
      path: file,
      fileName: path.basename(file),
      fileSystem: nodeFileSystem,
      header,
      extent: () => ({ marks: fold.marks, identity, endBytes }),
      recent: () => fold.recent,
    };
  }

  it('are all events that count, forwards and backwards, whatever else stands in the file', async () => {
    const file = path.join(fixture.folder, `${id}.journal`);
    const journals = fc.array(piece, { minLength: 1, maxLength: 120, size: 'max' });
    await fc.assert(
      fc.asyncProperty(journals, fc.nat(200), fc.constantFrom(2_000, 200_000), async (pieces, before, keptChars) => {
        fs.writeFileSync(file, bytesOf(pieces));
        const all = (await gather(readForward(await sliced(file, Infinity), always))).flat();
        const open = await sliced(file, Infinity);
        assert.deepEqual(sequencesOf(all), sequencesOf(open.recent().list));
        const slices = await gather(readBackward(await sliced(file, keptChars), before, always));
        const expected = all.filter(({ sequence }) => sequence < before);
        assert.deepEqual(sequencesOf(slices.toReversed().flat()), sequencesOf(expected));
        assert.deepEqual(slices.toReversed().flat(), expected);
      }),
      { numRuns: 60 },
    );
  });

  const filler = (name: string): string => `${name} ${'y'.repeat(100_000)}`;
  const begin = (parts: Parameters<StorageFixture['store']>[0] = {}): Promise<ConversationJournal> =>
    fixture.store(parts).create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
  const turn = (name: string) => [
    turnStarted(name),
    user(filler(name), `question of ${name}`),
    ...Array.from({ length: 5 }, (_, index) => agent(`${name}.${index} `, `answer of ${name}`)),
    turnEnded('end_turn'),
  ];
  /** What a model would be told of the first fifty turns. */
  const oldMessages = async (journal: ConversationJournal): Promise<unknown> =>
    eventsToMessages((await gather(journal.eventsBefore(1 + 8 * 50, always))).toReversed().flat());

  it('reach what is no longer in memory, of one who writes and of one who reads along, before and after a compaction', async () => {
    const compactionLimits = { minGrowthBytes: 1_000, minEvents: 3_000 };
    const writer = await begin({ compactTurn, compactionLimits });
    const reader = await fixture.store().open(writer.header.conversationId);
    for (let number = 0; number < 220; number += 1) await writer.append(turn(`t${number}`));
    const last = writer.events().at(-1)?.sequence ?? 0;
    assert.equal(last, 220 * 8);
    await eventually('the reader has the last', () => reader.events().at(-1)?.sequence === last);
    assert.ok(writer.droppedThrough > 300 && reader.droppedThrough > 300);
    const all = await gather(writer.eventsBefore(last + 1, always));
    assert.deepEqual(
      sequencesOf(all.toReversed().flat()),
      Array.from({ length: last }, (_, index) => index + 1),
    );
    const [ofReader, ofWriter] = await Promise.all(
      [reader, writer].map((each) => gather(each.eventsBefore(200, always))),
    );
    assert.deepEqual(ofReader?.toReversed().flat(), ofWriter?.toReversed().flat());

    const before = await oldMessages(writer);
    // Enough events more make it compact itself, while somebody is in the middle of reading.
    const reading = reader.eventsBefore(last + 1, always)[Symbol.asyncIterator]();
    const read: (readonly SessionEvent[])[] = [];
    while ((read.at(-1)?.[0]?.sequence ?? last) > reader.droppedThrough) {
      const next = await reading.next();
      assert.ok(next.done !== true);
      read.push(next.value);
    }
    for (let number = 220; number < 380; number += 1) {
      const pieces = Array.from({ length: 6 }, (_, index) => agent(`${index}`, `a${number}`));
      await writer.append([turnStarted(`s${number}`), user('q', `q${number}`), ...pieces, turnEnded('end_turn')]);
    }
    const file = `${fixture.conversationFolder()}/${writer.header.conversationId}.journal`;
    await eventually('it is compacted', () => fs.readFileSync(file).includes('{"compacted":'));
    for (let next = await reading.next(); next.done !== true; next = await reading.next()) read.push(next.value);
    assert.deepEqual(sequencesOf(read.toReversed().flat()), sequencesOf(all.toReversed().flat()));

    await eventually('the journal goes on in the shorter file', async () => {
      const events = (await gather(writer.eventsBefore(1 + 8 * 50, always))).flat();
      return events.length === 50 * 4;
    });
    assert.deepEqual(await oldMessages(writer), before);
    await eventually('the reader reads it too', async () => {
      const events = (await gather(reader.eventsBefore(1 + 8 * 50, always))).flat();
      return events.length === 50 * 4;
    });
    assert.deepEqual(await oldMessages(reader), before);
  }).timeout(120_000);

  it('end with the reason for which they are no longer wanted, and with the file closed', async () => {
    const writer = await begin();
    for (let number = 0; number < 180; number += 1) await writer.append(turn(`t${number}`));
    const stopping = new AbortController();
    const slices = writer.eventsBefore(100, stopping.signal);
    await assert.rejects(
      async () => {
        for await (const slice of slices) {
          assert.ok(slice.length > 0);
          stopping.abort(new Error('Nobody wants it any more'));
        }
      },
      { message: 'Nobody wants it any more' },
    );
    await assert.rejects(gather(writer.allEvents(stopping.signal)), { message: 'Nobody wants it any more' });
    for await (const slice of writer.allEvents(always)) {
      assert.equal(slice[0]?.sequence, 1);
      break;
    }
  });

  it('of a file that was deleted cannot be read, and say so', async () => {
    const journal = await begin();
    await journal.append([message('one')]);
    fs.unlinkSync(`${fixture.conversationFolder()}/${journal.header.conversationId}.journal`);
    await assert.rejects(gather(journal.allEvents(always)), { reason: 'Unavailable', message: /ENOENT/ });
    assert.equal((await gather(journal.eventsBefore(2, always))).flat().length, 1);
  });
});
