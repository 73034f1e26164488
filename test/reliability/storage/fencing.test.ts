import * as assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProcessTable, type ProcessTable } from '../../../server/src/base/processTable.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { message, sequencesOf, StorageFixture, textsOf } from '../../unit/storage/storageFixture.ts';
import { Appender } from './appender.ts';
import { bundleProgram } from './bundledProgram.ts';

const rounds = 12;
const longestLifeMs = 40;
const ownEvents = 5;

/** Takes every other process for dead, as a machine does that shares the folder and does not see it. */
const everyoneElseIsDead: ProcessTable = { ...createProcessTable(), isAlive: () => Promise.resolve(false) };

describe('a holder that is stopped, and goes on after its conversation was taken over', function () {
  this.timeout(60_000);
  let fixture: StorageFixture;
  let program: string;
  before(async () => {
    fixture = new StorageFixture();
    program = await bundleProgram('appendingProcess', fixture.folder);
  });
  after(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  it('gets no append acknowledged any more, harms nothing, and loses nothing that was acknowledged', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { id } = await fixture.written(['first']);
      const former = new Appender(program, fixture.dataFolder, round, [id]);
      await former.begun();
      // The moment of the stop is what is random here: this is no wait for something to happen.
      await sleep(Math.random() * longestLifeMs);
      former.process.kill('SIGSTOP');
      const store = fixture.store({ processes: everyoneElseIsDead });
      const next = await store.open(id);
      assert.equal(next.access, 'write');
      const texts = Array.from({ length: ownEvents }, (_, index) => `of the next holder ${index}`);
      for (const text of texts.slice(1)) await next.append([message(text)]);
      former.process.kill('SIGCONT');
      await former.ended();
      assert.match(former.output, /\nrefused .*taken over by another window/, former.errors);
      await next.append([message(texts[0] ?? '')]);
      await store.dispose();
      const again = await fixture.store().open(id);
      const [found, sequences] = [textsOf(again.events()), sequencesOf(again.events())];
      // Numbers of what was taken back are left out, since others may have seen them.
      assert.ok(sequences.every((number, index) => number > (sequences[index - 1] ?? 0)));
      assert.deepEqual(found.slice(-ownEvents), [...texts.slice(1), texts[0]]);
      for (const [sequence, text] of former.acknowledged(id)) assert.equal(found[sequences.indexOf(sequence)], text);
      await again.close();
    }
  });
});
