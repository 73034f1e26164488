import * as assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { CodedError } from '../../../server/protocol/errors.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { message, sequencesOf, StorageFixture, textsOf } from '../../unit/storage/storageFixture.ts';
import { bundleProgram } from './bundledProgram.ts';
import { compactingSoon } from './tokenJournal.ts';

const runs = Number(process.env['STORAGE_FUZZ_RUNS'] ?? 150);
/** Blocks of 1 KiB that the largest file may have. */
const largestFileBlocks = 64;

describe('journals that anything may have happened to', function () {
  this.timeout(30_000 + runs * 200);
  let fixture: StorageFixture;
  beforeEach(() => (fixture = new StorageFixture()));
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  it(`are opened or refused whatever bytes they hold, and none of these is deleted (${runs} times)`, async () => {
    const { id, file } = await fixture.written(['one', 'two', 'three']);
    const good = fs.readFileSync(file);
    const folder = path.dirname(file);
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.nat({ max: good.length }).map((at) => good.subarray(at)),
      fc.jsonValue().map((value) => encodeRecord(JSON.stringify(value))),
      fc
        .record(
          { sequence: fc.nat(), lease: fc.nat(), compacted: fc.nat(), last: fc.nat(), sizeBytes: fc.nat() },
          { requiredKeys: [] },
        )
        .map((record) => encodeRecord(JSON.stringify({ at: 1, update: message('made up'), ...record }))),
    );
    const bytes = fc
      .tuple(fc.boolean(), fc.array(piece, { maxLength: 6 }))
      .map(([isJournal, pieces]) => Buffer.concat(isJournal ? [good, ...pieces] : pieces));
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name));
        fs.writeFileSync(file, content);
        const store = fixture.store(compactingSoon);
        await store.list([fixture.folder]);
        try {
          const journal = await store.open(id);
          assert.equal(journal.access, 'write');
        } catch (error) {
          assert.ok(error instanceof CodedError, String(error));
        }
        await store.dispose();
        const now = fs.readFileSync(file);
        const torn = fs.readdirSync(folder).filter((name) => name.includes('.torn-'));
        const kept = Buffer.concat([now, ...torn.map((name) => fs.readFileSync(path.join(folder, name)))]);
        assert.ok(kept.equals(content), 'something was deleted, or changed');
      }),
      { numRuns: runs },
    );
  });

  it('keep their order where the clock goes backwards', async () => {
    let now = Date.UTC(2026, 5, 1);
    const clock = { ...systemClock, now: () => (now -= 3_600_000) };
    const store = fixture.store({ clock });
    const journal = await store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] });
    for (const text of ['one', 'two', 'three']) await journal.append([message(text)]);
    await store.dispose();
    const again = fixture.store({ clock });
    assert.equal((await again.list([fixture.folder])).length, 1);
    const opened = await again.open(journal.header.conversationId);
    await opened.append([message('four')]);
    assert.deepEqual(textsOf(opened.events()), ['one', 'two', 'three', 'four']);
    assert.deepEqual(sequencesOf(opened.events()), [1, 2, 3, 4]);
  });

  it('keep what was acknowledged where a file may not grow any more, and go on where it may', async function () {
    if (process.platform === 'win32') this.skip();
    const { id } = await fixture.written([]);
    const program = await bundleProgram('appendingProcess', fixture.folder);
    const command = `ulimit -f ${largestFileBlocks}; exec "$0" "$@"`;
    const { stdout, status } = spawnSync(
      'bash',
      ['-c', command, process.execPath, program, fixture.dataFolder, '1', id],
      { encoding: 'utf8', timeout: 20_000 },
    );
    assert.equal(status, 3);
    assert.match(stdout, /\nrefused .*EFBIG.*Start a new conversation/);
    const acknowledged = [...stdout.matchAll(/^acknowledged \S+ (\d+) (.*)\n/gm)];
    assert.ok(acknowledged.length > 5);
    const journal = await fixture.store().open(id);
    const texts = textsOf(journal.events());
    for (const [, sequence, text] of acknowledged) assert.equal(texts[Number(sequence) - 1], text);
    await journal.append([message('x'.repeat(2 * largestFileBlocks * 1024))]);
  });

  it('can be read where a file may not be changed at all, and written to again where it may', async function () {
    const { id, file } = await fixture.written(['one']);
    try {
      execFileSync('chattr', ['+i', file], { stdio: 'pipe' });
    } catch (error) {
      console.log(`      skipped: a file cannot be made immutable here (${(error as Error).message.trim()})`);
      this.skip();
    }
    try {
      const journal = await fixture.store().open(id);
      assert.deepEqual([journal.access, textsOf(journal.events())], ['read', ['one']]);
      const refused = { reason: 'Unavailable', message: /EPERM.*may not be written/ };
      await assert.rejects(journal.append([message('no')]), refused);
      await assert.rejects(fixture.store().delete(id), refused);
    } finally {
      execFileSync('chattr', ['-i', file]);
    }
    const again = await fixture.store().open(id);
    assert.equal((await again.append([message('two')]))[0]?.sequence, 2);
  });
});
