import * as assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { sequencesOf, StorageFixture, textsOf } from '../../unit/storage/storageFixture.ts';

const rounds = Number(process.env['STORAGE_KILL_ROUNDS'] ?? 40);
const longestLifeMs = 60;
/** Types are stripped by Node itself here, of which it would warn. */
const quiet = '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON';
const program = path.join(import.meta.dirname, 'appendingProcess.ts');

describe(`journals under ${rounds} kill -9`, function () {
  this.timeout(rounds * 5_000);
  let fixture: StorageFixture;
  const children: ChildProcess[] = [];
  before(() => (fixture = new StorageFixture()));
  after(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    assert.ok(children.every((child) => child.signalCode === 'SIGKILL'));
    fixture.remove();
  });

  it('keeps every acknowledged event, in order and without a hole', async () => {
    const { id } = await fixture.written([]);
    const acknowledged = new Map<number, string>();
    for (let round = 1; round <= rounds; round += 1) {
      const before = acknowledged.size;
      for (const [sequence, text] of await appendUntilKilled(id, round)) {
        assert.ok(!acknowledged.has(sequence), `number ${sequence} was given twice`);
        acknowledged.set(sequence, text);
      }
      assert.ok(acknowledged.size > before);
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

  /** Runs the appending process, kills it at a random moment, answers what it said was acknowledged. */
  async function appendUntilKilled(id: ConversationId, round: number): Promise<Map<number, string>> {
    const child = spawn(process.execPath, [quiet, program, fixture.dataFolder, id, String(round)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const closed = once(child, 'close');
    let [out, errors] = ['', ''];
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    const begun = Promise.withResolvers<true>();
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
      if (out.includes('acknowledged')) begun.resolve(true);
    });
    await Promise.race([begun.promise, closed, sleep(20_000, undefined, { ref: false })]);
    // The moment of the kill is what is random here: this is no wait for something to happen.
    await sleep(Math.random() * longestLifeMs);
    child.kill('SIGKILL');
    await closed;
    assert.match(out, /^access write\n/, errors);
    const lines = out.matchAll(/^acknowledged (\d+) (.*)\n/gm);
    return new Map(Array.from(lines, ([, sequence, text]) => [Number(sequence), text ?? '']));
  }
});
