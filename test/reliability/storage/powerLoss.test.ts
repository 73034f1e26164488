import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import type { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { message, StorageFixture, textsOf } from '../../unit/storage/storageFixture.ts';
import { bootedAs, diskErrors, lookErrors, lucks, RecordingFileSystem, type Fault } from './recordingFileSystem.ts';

/** What the program was told, and what it tried, whether told or not. */
interface Account {
  id: ConversationId | undefined;
  readonly tried: string[];
  readonly acknowledged: Map<number, string>;
}

/** Creates, appends alone and together, closes, finds a torn tail, goes on. Whatever fails, the next step is tried. */
async function work(fixture: StorageFixture, fileSystem: RecordingFileSystem): Promise<Account> {
  const account: Account = { id: undefined, tried: [], acknowledged: new Map() };
  const dataFolder = fixture.dataFolder;
  const store = fixture.store({ fileSystem, processes: bootedAs('before'), dataFolder });
  const journal = await ignoringFailure(store.create({ cwd: fixture.folder, workspaceFolders: [fixture.folder] }));
  account.id = journal?.header.conversationId;
  if (journal === undefined) return account;
  await append(journal, ['one'], account);
  await Promise.all([append(journal, ['two', 'three'], account), append(journal, ['four'], account)]);
  await append(journal, ['five'], account);
  await ignoringFailure(journal.close());
  await tearTail(fixture, fileSystem);
  const again = await ignoringFailure(store.open(journal.header.conversationId));
  if (again !== undefined) {
    await append(again, ['six'], account);
    await append(again, ['seven', 'eight'], account);
  }
  await store.dispose();
  return account;
}

async function append(
  journal: Awaited<ReturnType<JournalStore['open']>>,
  texts: readonly string[],
  account: Account,
): Promise<void> {
  account.tried.push(...texts);
  const events = await ignoringFailure(journal.append(texts.map(message)));
  for (const [index, event] of (events ?? []).entries()) account.acknowledged.set(event.sequence, texts[index] ?? '');
}

/** Leaves a record half written, as a process does that is killed while it writes. */
async function tearTail(fixture: StorageFixture, fileSystem: RecordingFileSystem): Promise<void> {
  const folder = fixture.conversationFolder();
  const name = fs.readdirSync(folder).find((entry) => entry.endsWith('.journal'));
  if (name === undefined) return;
  const file = path.join(folder, name);
  const open = await ignoringFailure(fileSystem.open(file, 'readWrite'));
  if (open === undefined) return;
  await ignoringFailure(open.write(encodeRecord('{"sequence":6,"at":1}').subarray(0, 15), fs.statSync(file).size));
  await open.close();
}

/** Faults are what these tests are about: what matters is what was acknowledged. */
async function ignoringFailure<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    assert.ok(error instanceof Error);
    return undefined;
  }
}

/** Everything acknowledged is there under its number, nothing is there that was not tried, and it goes on working. */
async function verify(dataFolder: string, fixture: StorageFixture, account: Account, when: string): Promise<void> {
  const store = fixture.store({ processes: bootedAs('after'), dataFolder });
  if (account.id === undefined) {
    const list = await store.list([fixture.folder]);
    assert.ok(list.length <= 1, when);
    assert.ok(await store.create({ cwd: '/', workspaceFolders: [fixture.folder] }), when);
  } else {
    const journal = await store.open(account.id);
    assert.equal(journal.access, 'write', when);
    const found = new Map(journal.events().map((event) => [event.sequence, textsOf([event])[0]]));
    for (const [sequence, text] of account.acknowledged) assert.equal(found.get(sequence), text, when);
    // Numbers that others may have seen of an append that failed are not given again.
    assertRising([...found.keys()], when);
    const texts = [...found.values()];
    assert.deepEqual(
      texts,
      account.tried.filter((text) => texts.includes(text)),
      when,
    );
    const [last] = await journal.append([message('afterwards')]);
    assertRising([...found.keys(), last?.sequence ?? 0], when);
  }
  await store.dispose();
}

describe('journals and the disk', function () {
  this.timeout(120_000);
  let fixture: StorageFixture;
  beforeEach(() => {
    fixture = new StorageFixture();
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  /** Runs the work with a fault at each operation in turn until one run meets no fault; answers the number of runs. */
  async function withFaultAtEach(
    fault: Omit<Fault, 'at'>,
    check: (run: StorageFixture, fileSystem: RecordingFileSystem, account: Account, at: number) => Promise<void>,
  ): Promise<number> {
    for (let at = 1; ; at += 1) {
      const run = new StorageFixture();
      try {
        const fileSystem = new RecordingFileSystem(run.folder, { at, ...fault });
        const account = await work(run, fileSystem);
        await check(run, fileSystem, account, at);
        if (fileSystem.counted < at) return at;
      } finally {
        await run.close();
        run.remove();
      }
    }
  }

  it('does all of the work when nothing fails', async () => {
    const fileSystem = new RecordingFileSystem(fixture.folder);
    const account = await work(fixture, fileSystem);
    assert.equal(account.acknowledged.size, 8);
    await verify(fixture.dataFolder, fixture, account, 'without a fault');
  });

  for (const [outcome, luck] of Object.entries(lucks)) {
    it(`keeps every acknowledged event if the power goes at any operation and ${outcome}`, async () => {
      const runs = await withFaultAtEach({ kind: 'powerLoss' }, async (run, fileSystem, account, at) => {
        const survivors = path.join(run.folder, 'survivors');
        fileSystem.writeSurvivors(survivors, luck);
        await verify(path.join(survivors, 'data'), run, account, `power lost at operation ${at}`);
      });
      assert.ok(runs > 20);
    });
  }

  for (const kind of diskErrors) {
    it(`keeps every acknowledged event if any one operation fails with ${kind}, then the power goes`, async () => {
      let failed = 0;
      const runs = await withFaultAtEach({ kind }, async (run, fileSystem, account, at) => {
        if (account.acknowledged.size < 8) failed += 1;
        const survivors = path.join(run.folder, 'survivors');
        fileSystem.writeSurvivors(survivors, () => 0);
        await verify(path.join(survivors, 'data'), run, account, `${kind} at operation ${at}, then the power`);
        await verify(run.dataFolder, run, account, `${kind} at operation ${at}`);
      });
      // An error costs what was being done, not what comes after it.
      assert.ok(failed > 5 && runs > 20);
    });
  }

  for (const kind of lookErrors) {
    it(`keeps every acknowledged event if any one stat, list or read fails with ${kind}, then the power goes`, async () => {
      let failed = 0;
      const runs = await withFaultAtEach({ kind, among: 'looks' }, async (run, fileSystem, account, at) => {
        if (account.acknowledged.size < 8) failed += 1;
        const survivors = path.join(run.folder, 'survivors');
        fileSystem.writeSurvivors(survivors, () => 0);
        await verify(path.join(survivors, 'data'), run, account, `${kind} at look ${at}, then the power`);
        await verify(run.dataFolder, run, account, `${kind} at look ${at}`);
      });
      assert.ok(failed > 5 && runs > 20, `${failed} of ${runs} failed`);
    });
  }

  it('appends again after an append that failed', async () => {
    const probe = new RecordingFileSystem(fixture.folder);
    const journal = await fixture.store({ fileSystem: probe }).create(placeOf(fixture));
    const before = probe.operations;
    await fixture.close();
    // The write itself, and the datasync after it: then others may have seen the event, so its number is not given again.
    for (const [at, sequence] of [
      [before + 1, 1],
      [before + 2, 3],
    ] as const) {
      const run = new StorageFixture();
      const fileSystem = new RecordingFileSystem(run.folder, { at, kind: 'ENOSPC' });
      const again = await run.store({ fileSystem }).create(placeOf(run));
      await assert.rejects(again.append([message('refused')]), { reason: 'Unavailable', message: /ENOSPC.*Free some/ });
      assert.equal((await again.append([message('taken')]))[0]?.sequence, sequence);
      assert.deepEqual(textsOf(again.events()), ['taken']);
      await run.close();
      run.remove();
    }
    assert.equal(journal.access, 'write');
  });

  it('would notice an acknowledgement that comes before the datasync', async () => {
    // The test of the test: a file system whose datasync does nothing must fail the check above.
    const fileSystem = new RecordingFileSystem(fixture.folder);
    const open = fileSystem.open.bind(fileSystem);
    fileSystem.open = async (file, mode) => {
      const handle = await open(file, mode);
      return mode === 'append' ? { ...handle, datasync: () => Promise.resolve() } : handle;
    };
    const account = await work(fixture, fileSystem);
    const survivors = path.join(fixture.folder, 'survivors');
    fileSystem.writeSurvivors(survivors, () => 0);
    await assert.rejects(verify(path.join(survivors, 'data'), fixture, account, ''), { name: 'AssertionError' });
  });
});

function assertRising(numbers: readonly number[], when: string): void {
  assert.ok(
    numbers.every((number, index) => number > (numbers[index - 1] ?? 0)),
    `${when}: ${numbers.join(', ')}`,
  );
}

function placeOf(fixture: StorageFixture): { cwd: string; workspaceFolders: string[] } {
  return { cwd: fixture.folder, workspaceFolders: [fixture.folder] };
}
