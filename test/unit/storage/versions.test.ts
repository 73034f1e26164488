import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { conversationId } from '../../../server/protocol/sessionEvents.ts';
import { compactTurn } from '../../../server/src/agents/compactEvents.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { appendAsNextVersion, readAsNextVersion, upgradeToNextVersion } from './nextVersion.ts';
import { message, StorageFixture, textsOf } from './storageFixture.ts';
import { recordsOf, versionOneEvents } from './versionOneReader.ts';

const journals = path.join(import.meta.dirname, '..', '..', 'fixtures', 'journals');

describe('journals of other versions', () => {
  let fixture: StorageFixture;
  beforeEach(() => (fixture = new StorageFixture()));
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  /** Copies of all journals that a version left, each with the id of its conversation. */
  async function copiesOf(version: string): Promise<{ id: ReturnType<typeof conversationId.parse>; file: string }[]> {
    const { file } = await fixture.written([]);
    const names = fs.readdirSync(path.join(journals, version));
    assert.ok(names.length > 0);
    return names.map((name) => {
      const copy = path.join(path.dirname(file), name);
      fs.copyFileSync(path.join(journals, version, name), copy);
      return { id: conversationId.parse(path.basename(name, '.journal')), file: copy };
    });
  }

  it('are read and gone on with by a program of the first version that knows no leases, and read again', async () => {
    const { id, file } = await fixture.written(['one']);
    await (await fixture.store().open(id)).append([message('two')]);
    await fixture.close();
    assert.deepEqual(textsOf(versionOneEvents(file)), ['one', 'two']);
    const old = JSON.stringify({ sequence: 3, at: 1, update: message('by the old program') });
    fs.appendFileSync(file, encodeRecord(old));
    const journal = await fixture.store().open(id);
    assert.deepEqual(textsOf(journal.events()), ['one', 'two', 'by the old program']);
    assert.equal((await journal.append([message('four')]))[0]?.sequence, 4);
    assert.deepEqual(textsOf(versionOneEvents(file)), ['one', 'two', 'by the old program', 'four']);
  });

  it('are all read and gone on with when the first version wrote them', async () => {
    for (const { id, file } of await copiesOf('version1')) {
      const before = versionOneEvents(file);
      const journal = await fixture.store().open(id);
      assert.deepEqual([journal.access, journal.damage], ['write', []]);
      assert.deepEqual(journal.events(), before);
      await journal.append([message('from the new version')]);
      assert.deepEqual(textsOf(versionOneEvents(file)).at(-1), 'from the new version');
      assert.equal(versionOneEvents(file).length, before.length + 1);
    }
  });

  it('go up to the next version, back, and up again with everything in them', async () => {
    for (const { id, file } of await copiesOf('version1')) {
      const original = versionOneEvents(file).map(({ update }) => update);
      upgradeToNextVersion(file, 1);
      appendAsNextVersion(file, message('after the update'), 'first note');

      const old = await fixture.store().open(id);
      assert.deepEqual([old.access, old.damage], ['write', []]);
      assert.deepEqual(
        old.events().map(({ update }) => update),
        [...original, message('after the update')],
      );
      await old.append([message('after going back')]);
      await fixture.close();

      appendAsNextVersion(file, message('after the second update'), 'second note');
      const { version, updates, authors, notes } = readAsNextVersion(file);
      assert.equal(version, 2);
      const later = ['after the update', 'after going back', 'after the second update'].map(message);
      assert.deepEqual(updates, [...original, ...later]);
      assert.deepEqual(authors, ['somebody', 'somebody']);
      assert.deepEqual(notes, ['first note', 'second note']);
    }
  });

  it('are read as the next version left them', async () => {
    for (const { id, file } of await copiesOf('version2')) {
      const { updates } = readAsNextVersion(file);
      const known = updates.filter((update) => !JSON.stringify(update).includes('"reaction"'));
      assert.ok(known.length < updates.length);
      const journal = await fixture.store().open(id);
      assert.deepEqual(
        journal.events().map(({ update }) => update),
        known,
      );
      const [appended] = await journal.append([message('by this version')]);
      assert.equal(appended?.sequence, updates.length + 1);
      assert.deepEqual(readAsNextVersion(file).updates, [...updates, message('by this version')]);
    }
  });

  it('are never compacted by a program that is older than they are', async () => {
    const { id, file } = await fixture.written(['one']);
    upgradeToNextVersion(file, 1);
    const limits = { compactTurn, compactionLimits: { minGrowthBytes: 100, minEvents: 2 } };
    const journal = await fixture.store(limits).open(id);
    await journal.append(Array.from({ length: 20 }, (_, index) => message(`more ${index}`)));
    await fixture.close();
    assert.equal(recordsOf(file)[0]?.['mood'], 'curious');
    assert.deepEqual(
      recordsOf(file).filter((record) => 'compacted' in record),
      [],
    );
    assert.equal(readAsNextVersion(file).updates.length, 21);
  });

  it('stay exactly as they are where the next version says that this one would misread them', async () => {
    for (const readableFrom of [undefined, 2]) {
      const { id, file } = await fixture.written(['one']);
      upgradeToNextVersion(file, readableFrom);
      const before = fs.readFileSync(file);
      await assert.rejects(fixture.store().open(id), { reason: 'Unsupported', message: /version 2.*Update/ });
      assert.deepEqual(fs.readFileSync(file), before);
    }
  });
});
