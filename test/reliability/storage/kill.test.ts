import * as assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { sequencesOf, StorageFixture, textsOf } from '../../unit/storage/storageFixture.ts';
import { Appender } from './appender.ts';
import { bundleProgram } from './bundledProgram.ts';

/** `npm run test:reliability` asks for a thousand. */
const kills = Number(process.env['STORAGE_KILL_ROUNDS'] ?? 240);
const longestLifeMs = 40;
const lanes = 2;
const conversationsEach = 3;
/** Reading takes the longer the more has been written, so conversations are exchanged for new ones now and then. */
const roundsWithSame = 25;

describe(`journals under ${kills} kill -9`, function () {
  this.timeout(60_000 + kills * 2_000);
  let fixture: StorageFixture;
  let program: string;
  const appenders: Appender[] = [];
  before(async () => {
    fixture = new StorageFixture();
    program = await bundleProgram('appendingProcess', fixture.folder);
  });
  after(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    assert.ok(appenders.every(({ process: { signalCode } }) => signalCode === 'SIGKILL'));
    fixture.remove();
  });

  it('keep every acknowledged event of several conversations, in order and without a hole', async () => {
    await Promise.all(Array.from({ length: lanes }, (_, lane) => killAgainAndAgain(lane)));
    assert.ok(appenders.length >= kills);
  });

  async function killAgainAndAgain(lane: number): Promise<void> {
    let conversations = new Map<ConversationId, Map<number, string>>();
    for (let round = lane; round < kills; round += lanes) {
      if (conversations.size === 0 || Math.floor(round / lanes) % roundsWithSame === 0)
        conversations = await beginConversations();
      const appender = new Appender(program, fixture.dataFolder, round, [...conversations.keys()]);
      appenders.push(appender);
      await appender.begun();
      // The moment of the kill is what is random here: this is no wait for something to happen.
      await sleep(Math.random() * longestLifeMs);
      await appender.kill();
      assert.doesNotMatch(appender.output, /access read|refused/, appender.errors);
      for (const [id, known] of conversations) {
        for (const [sequence, text] of appender.acknowledged(id)) {
          assert.ok(!known.has(sequence), `number ${sequence} was given twice`);
          known.set(sequence, text);
        }
        await verify(id, known);
      }
    }
  }

  async function beginConversations(): Promise<Map<ConversationId, Map<number, string>>> {
    const written = await Promise.all(Array.from({ length: conversationsEach }, () => fixture.written([])));
    return new Map(written.map(({ id }) => [id, new Map()]));
  }

  async function verify(id: ConversationId, acknowledged: ReadonlyMap<number, string>): Promise<void> {
    const store = fixture.store();
    const journal = await store.open(id);
    assert.equal(journal.access, 'write');
    const [sequences, texts] = [sequencesOf(journal.events()), textsOf(journal.events())];
    assert.deepEqual(
      sequences,
      sequences.map((_, index) => index + 1),
    );
    for (const [sequence, text] of acknowledged) assert.equal(texts[sequence - 1], text);
    await store.dispose();
  }
});
