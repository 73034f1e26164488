import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { eventually } from '../../support/eventually.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { StorageFixture } from '../../unit/storage/storageFixture.ts';
import { bootedAs, diskErrors, lucks, RecordingFileSystem, type Fault } from './recordingFileSystem.ts';
import { compactingSoon, TokenAccount } from './tokenJournal.ts';

/** One run of the work, and what it left. */
interface Run {
  readonly fixture: StorageFixture;
  readonly fileSystem: RecordingFileSystem;
  readonly account: TokenAccount;
  readonly id: ConversationId | undefined;
}

/** Writes turns that are compacted one after another, goes on, closes. Whatever fails, the next step is tried. */
async function work(fixture: StorageFixture, fault?: Fault): Promise<Run> {
  const fileSystem = new RecordingFileSystem(fixture.folder, fault);
  const account = new TokenAccount();
  const store = fixture.store({ fileSystem, processes: bootedAs('before'), ...compactingSoon });
  const place = { cwd: fixture.folder, workspaceFolders: [fixture.folder] };
  const journal = await orRefused(store.create(place));
  if (journal !== undefined) {
    for (let turn = 0; turn < 3; turn += 1) {
      await orRefused(account.append(journal, 3));
      await orRefused(account.append(journal, 6, true));
      // While it is compacted.
      await orRefused(account.append(journal, 1));
      await compactionEnded(fixture, fileSystem);
      await orRefused(account.append(journal, 2));
    }
    await orRefused(journal.close());
  }
  await store.dispose();
  return { fixture, fileSystem, account, id: journal?.header.conversationId };
}

/** A compaction is over when its file is gone; one that was never begun, or the power of which is off, leaves none. */
async function compactionEnded(fixture: StorageFixture, fileSystem: RecordingFileSystem): Promise<void> {
  await eventually('the compaction is over', () => {
    if (fileSystem.isOff) return true;
    return !fs.readdirSync(fixture.conversationFolder()).some((name) => name.includes('.new-'));
  });
}

async function orRefused<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(error instanceof Error);
    return undefined;
  }
}

/** Everything acknowledged is there, the journal can be written to, and no second file is left. */
async function verify(run: Run, dataFolder: string, when: string): Promise<void> {
  if (run.id === undefined) return;
  const store = run.fixture.store({ processes: bootedAs('after'), dataFolder });
  const journal = await store.open(run.id);
  assert.deepEqual([journal.access, journal.refusal], ['write', undefined], when);
  run.account.check(journal.events(), when);
  const next = new TokenAccount();
  await next.append(journal, 1);
  await store.dispose();
  const left = fs.readdirSync(dataFolder, { recursive: true }).map(String);
  assert.ok(!left.some((name) => name.includes('.new-')), when);
}

describe('compaction and the disk', function () {
  this.timeout(240_000);
  let fixture: StorageFixture;
  beforeEach(() => (fixture = new StorageFixture()));
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  async function withFaultAtEach(
    fault: Omit<Fault, 'at'>,
    check: (run: Run, at: number) => Promise<void>,
  ): Promise<number> {
    for (let at = 1; ; at += 1) {
      const each = new StorageFixture();
      try {
        const run = await work(each, { at, ...fault });
        await check(run, at);
        if (run.fileSystem.counted < at) return at;
      } finally {
        await each.close();
        each.remove();
      }
    }
  }

  it('compacts several times when nothing fails', async () => {
    const run = await work(fixture);
    assert.equal(run.account.acknowledgedCount, 36);
    const [file = ''] = fs.readdirSync(fixture.conversationFolder());
    const text = fs.readFileSync(path.join(fixture.conversationFolder(), file), 'utf8');
    assert.ok(text.match(/\{"compacted":/g)?.length === 1 && text.split('\n').length < 25, text);
    await verify(run, fixture.dataFolder, 'without a fault');
  });

  for (const [outcome, luck] of Object.entries(lucks)) {
    it(`leaves the journal before or after if the power goes at any operation and ${outcome}`, async () => {
      const runs = await withFaultAtEach({ kind: 'powerLoss' }, async (run, at) => {
        const survivors = path.join(run.fixture.folder, 'survivors');
        run.fileSystem.writeSurvivors(survivors, luck);
        await verify(run, path.join(survivors, 'data'), `power lost at operation ${at}`);
      });
      assert.ok(runs > 60);
    });
  }

  for (const kind of diskErrors) {
    it(`leaves the journal before or after if any one operation fails with ${kind}, then the power goes`, async () => {
      const runs = await withFaultAtEach({ kind }, async (run, at) => {
        const survivors = path.join(run.fixture.folder, 'survivors');
        run.fileSystem.writeSurvivors(survivors, () => 0);
        await verify(run, path.join(survivors, 'data'), `${kind} at operation ${at}, then the power`);
        await verify(run, run.fixture.dataFolder, `${kind} at operation ${at}`);
      });
      assert.ok(runs > 60);
    });
  }

  it('leaves the journal before or after if any one stat, list or read fails, then the power goes', async () => {
    const runs = await withFaultAtEach({ kind: 'EIO', among: 'looks' }, async (run, at) => {
      const survivors = path.join(run.fixture.folder, 'survivors');
      run.fileSystem.writeSurvivors(survivors, () => 0);
      await verify(run, path.join(survivors, 'data'), `EIO at look ${at}, then the power`);
      await verify(run, run.fixture.dataFolder, `EIO at look ${at}`);
    });
    assert.ok(runs > 40, `${runs} runs`);
  });
});
