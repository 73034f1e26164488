import * as assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { systemClock, type Clock } from '../../../server/src/base/clock.ts';
import type { CacheNamespace } from '../../../server/src/cache/cacheNamespace.ts';
import type { CacheService } from '../../../server/src/cache/cacheService.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { CacheSettings, createCache, RecordedHealth } from '../../support/memoryCache.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { FaultyFileSystem } from '../../support/faultyFileSystem.ts';
import { textsOnDisk } from './textNamespace.ts';

const soon = (text: string) => () => Promise.resolve(text);
const codes = ['EIO', 'ENOSPC', 'EROFS', 'EACCES', 'torn'];

describe('The cache on disk', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let disk: FaultyFileSystem;
  let settings: CacheSettings;
  let health: RecordedHealth;
  let log: ReturnType<typeof recordingLogger>;
  let open: CacheService[];

  beforeEach(() => {
    folder = temporaryFolder();
    disk = new FaultyFileSystem();
    settings = new CacheSettings();
    health = new RecordedHealth();
    log = recordingLogger();
    open = [];
  });
  afterEach(async () => {
    disk.mend();
    for (const cache of open) await cache.close();
    assert.deepEqual(openFilesUnder(folder.path), []);
    folder.remove();
  });

  const cacheFolder = () => path.join(folder.path, 'data ü', 'cache');
  /** Without those that are being written. */
  const files = (): string[] => filesBelow(path.join(cacheFolder(), 'v1')).filter((file) => !file.endsWith('.tmp'));
  const quarantined = (): string[] => filesBelow(path.join(cacheFolder(), 'v1', 'quarantine'));

  function openCache(clock: Clock = systemClock): { cache: CacheService; texts: CacheNamespace<string> } {
    fs.mkdirSync(path.dirname(cacheFolder()), { recursive: true });
    const { fileSystem } = disk;
    const cache = createCache({ folder: cacheFolder(), clock, settings, health, fileSystem, logger: log.logger });
    open.push(cache);
    return { cache, texts: cache.namespace(textsOnDisk) };
  }

  /** Keeps texts on disk, as a server that has ended. */
  async function keep(...texts: readonly string[]): Promise<void> {
    const opened = openCache();
    for (const text of texts) await opened.texts.fetch(`key of ${text}`, soon(text));
    await opened.cache.close();
  }

  it('gives a new server what an old one has kept, private to its owner', async () => {
    await keep('one', 'two');
    const { texts } = openCache();
    assert.equal(await texts.fetch('key of one', soon('asked anew')), 'one');
    assert.equal(texts.get('key of one'), 'one', 'it is in memory now');
    assert.deepEqual([texts.stats().diskHits, texts.stats().misses], [1, 0]);
    for (const file of files()) assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  });

  it('gives something old from disk to whoever takes it, and nothing that is too old', async () => {
    const clock = new FakeClock();
    const first = openCache(clock);
    await first.texts.fetch('key', soon('old'));
    await first.cache.close();
    clock.advance(100_000);
    const second = openCache(clock);
    assert.equal(await second.texts.fetch('key', soon('new'), { accept: 'stale' }), 'old');
    await second.cache.close();
    clock.advance(100 * 3_600_000);
    assert.equal(await openCache(clock).texts.fetch('key', soon('newest'), { accept: 'stale' }), 'newest');
  });

  it('finds every kind of damage, asks anew, and keeps what was damaged aside', async () => {
    const damages: Record<string, (content: Buffer) => Buffer> = {
      'a flipped bit': (content) => Buffer.from(content.map((byte, index) => (index === 3 ? byte ^ 1 : byte))),
      'a lost end': (content) => content.subarray(0, -1),
      'nothing at all': () => Buffer.alloc(0),
      'something more': (content) => Buffer.concat([content, Buffer.from('x')]),
      'a giant': () => Buffer.alloc(1_000_000, 'x'),
    };
    for (const kind of ['entries', 'content']) {
      for (const [what, damage] of Object.entries(damages)) {
        fs.rmSync(cacheFolder(), { recursive: true, force: true });
        await keep('text');
        const [file = ''] = filesBelow(path.join(cacheFolder(), 'v1', 'texts', kind));
        const damaged = damage(fs.readFileSync(file));
        fs.writeFileSync(file, damaged);
        const { cache, texts } = openCache();
        assert.equal(await texts.fetch('key of text', soon('anew')), 'anew', `${what} in ${kind}`);
        const aside = quarantined();
        assert.deepEqual(
          aside.map((one) => fs.readFileSync(one).equals(damaged)),
          [true],
        );
        assert.equal((await cache.stats()).disk.damaged, 1);
        await cache.close();
        assert.equal(await openCache().texts.fetch('key of text', soon('third')), 'anew', 'it was kept again');
      }
    }
    assert.equal(health.components.size, 0, 'single damaged files say nothing about the disk');
  });

  it('never crashes on random bytes in its files, never gives them out, and never deletes them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ victim: fc.nat(), bytes: fc.uint8Array({ maxLength: 600 }) }), { maxLength: 6 }),
        async (changes) => {
          fs.rmSync(cacheFolder(), { recursive: true, force: true });
          await keep('a', 'b', 'c');
          const written = new Map<string, Buffer>();
          for (const { victim, bytes } of changes) {
            const all = files();
            const file = all[victim % all.length];
            if (file === undefined) continue;
            fs.writeFileSync(file, bytes);
            written.set(file, Buffer.from(bytes));
          }
          const { cache, texts } = openCache();
          for (const text of ['a', 'b', 'c']) assert.equal(await texts.fetch(`key of ${text}`, soon(text)), text);
          await cache.close();
          const left = [...files(), ...quarantined()].map((file) => fs.readFileSync(file).toString('hex'));
          for (const bytes of written.values()) {
            if (['a', 'b', 'c'].includes(bytes.toString())) continue;
            assert.ok(left.includes(bytes.toString('hex')), 'what could not be read is still there');
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  for (const code of codes) {
    it(`is the one before or the one after, and goes on, whichever operation fails with ${code}`, async () => {
      for (let failing = 1; ; failing++) {
        fs.rmSync(cacheFolder(), { recursive: true, force: true });
        disk.mend();
        await keep('kept');
        disk.operations = 0;
        const failed: string[] = [];
        disk.judge = (operation, count) => {
          if (count !== failing) return undefined;
          failed.push(operation);
          return code;
        };
        const { cache, texts } = openCache();
        const context = `operation ${failing}`;
        assert.match(await texts.fetch('key of kept', soon('kept')), /^kept$/, context);
        assert.equal(await texts.fetch('key of new', soon('new')), 'new', context);
        assert.equal((await cache.clear('texts')).memoryBytes, 7, context);
        await texts.fetch('key of last', soon('last'));
        await cache.close();
        const { failures } = (await cache.stats()).disk;
        disk.mend();
        const next = openCache();
        for (const text of ['kept', 'new', 'last']) {
          assert.equal(await next.texts.fetch(`key of ${text}`, soon(text)), text, context);
        }
        await next.cache.close();
        assert.ok(failures <= 1, context);
        assert.equal(health.components.size, 0, 'one failure is no reason to give up the disk');
        if (failed.length === 0) {
          assert.ok(failing > 20, 'there is much that can fail');
          break;
        }
      }
    });
  }

  it('leaves a failing disk alone, says so once and in the health, and comes back when a probe succeeds', async () => {
    const clock = new FakeClock();
    const { cache, texts } = openCache(clock);
    await texts.fetch('key', soon('kept'));
    await waitFor('the entry to be written', () => files().length === 2);
    disk.failAlways('ENOSPC');
    for (let index = 0; index < 20; index++) {
      assert.equal(await texts.fetch(`other ${index}`, soon('answer')), 'answer');
    }
    await waitFor('the breaker to open', () => health.components.get('cacheDisk')?.status === 'degraded');
    const operations = disk.operations;
    for (let index = 20; index < 40; index++) await texts.fetch(`other ${index}`, soon('answer'));
    assert.equal(disk.operations, operations, 'the disk is left alone');
    assert.equal(texts.get('other 39'), 'answer', 'memory goes on');
    const { status, message, usedBytes } = (await cache.stats()).disk;
    assert.deepEqual([status, usedBytes], ['failed', null]);
    assert.match(message ?? '', /\(ENOSPC\).*memory only.*Free some space.*every 10 seconds/);
    assert.equal(health.components.get('cacheDisk')?.message, message);

    clock.advance(10_000);
    await waitFor('the probe to fail', () => log.lines.some((line) => line.includes('still fails')));
    assert.equal(health.components.get('cacheDisk')?.status, 'degraded');
    disk.mend();
    clock.advance(10_000);
    await waitFor('the disk to be used again', () => health.components.get('cacheDisk')?.status === 'ready');
    assert.equal((await cache.stats()).disk.status, 'ready');
    assert.equal(log.lines.filter((line) => line.startsWith('warn')).length, 1);
    assert.equal(log.lines.filter((line) => /^info .*uses the disk again/.test(line)).length, 1);
    texts.shed(1);
    assert.equal(await texts.fetch('key', soon('asked anew')), 'kept');
    await cache.close();
    assert.equal(clock.pending, 0);
  });

  it('does not wait for a disk that hangs', async () => {
    const clock = new FakeClock();
    const { cache, texts } = openCache(clock);
    disk.judge = (operation) => (operation === 'open' ? 'hang' : undefined);
    for (let index = 0; index < 3; index++) {
      const answer = texts.fetch(`key ${index}`, soon('answer'));
      clock.advance(2_000);
      assert.equal(await answer, 'answer');
    }
    await waitFor('the breaker to open', () => {
      clock.advance(2_000);
      return health.components.get('cacheDisk')?.status === 'degraded';
    });
    assert.match(health.components.get('cacheDisk')?.message ?? '', /ETIMEDOUT.*does not answer in time/);
    disk.mend();
    await cache.close();
  });

  it('takes no more of the disk than it may: what was written longest ago goes first', async () => {
    settings.replace({ 'cache.diskMegabytes': 1 });
    const { cache, texts } = openCache();
    for (let index = 0; index < 40; index++) {
      await texts.fetch(`key ${index}`, soon(`${index} ${'x'.repeat(60_000)}`));
      const record = path.join(cacheFolder(), 'v1/texts/entries', hash('sha256', `key ${index}`));
      await waitFor('the entry to be written', () => fs.existsSync(record));
    }
    await waitFor('the sweep', async () => ((await cache.stats()).disk.usedBytes ?? Infinity) <= 1_000_000);
    await cache.close();
    assert.ok(sizeOf(files()) <= 1_100_000, 'what was being written at the end may be too much');
    const reopened = openCache();
    const next = reopened.texts;
    const { usedBytes } = (await reopened.cache.stats()).disk;
    assert.deepEqual([usedBytes, sizeOf(files()) <= 1_000_000], [sizeOf(files()), true]);
    assert.match(await next.fetch('key 39', soon('asked anew')), /^39 /);
    assert.equal(await next.fetch('key 0', soon('asked anew')), 'asked anew');
  });

  it('keeps no single entry that would push out most others', async () => {
    settings.replace({ 'cache.diskMegabytes': 1 });
    await keep('x'.repeat(200_000));
    assert.deepEqual(files(), []);
  });

  it('is cleared on disk too, and leaves alone what it has not written', async () => {
    await keep('one', 'two');
    const foreign = [
      path.join(cacheFolder(), 'v1', 'texts', 'content', 'notes.txt'),
      path.join(cacheFolder(), 'my.txt'),
    ];
    for (const file of foreign) fs.writeFileSync(file, 'mine');
    const { cache, texts } = openCache();
    assert.equal(await texts.fetch('key of one', soon('anew')), 'one');
    const freed = await cache.clear();
    assert.deepEqual(freed, { memoryBytes: 3, diskBytes: 4 * 4_096 });
    assert.equal(await texts.fetch('key of one', soon('anew')), 'anew');
    for (const file of foreign) assert.equal(fs.readFileSync(file, 'utf8'), 'mine');
  });

  it('gives nothing from before it was cleared, even where the disk could not be', async () => {
    await keep('one');
    const { cache, texts } = openCache();
    disk.judge = (operation) => (operation === 'remove' ? 'EROFS' : undefined);
    assert.match((await cache.clear()).problem ?? '', /EROFS.*writable/);
    assert.equal(await texts.fetch('key of one', soon('anew')), 'anew');
  });

  it('goes on when its folder is deleted while it runs', async () => {
    const { cache, texts } = openCache();
    await texts.fetch('key', soon('before'));
    await waitFor('the entry to be written', () => files().length === 2);
    fs.rmSync(path.dirname(cacheFolder()), { recursive: true });
    texts.shed(1);
    assert.equal(await texts.fetch('key', soon('after')), 'after');
    await cache.close();
    assert.equal(await openCache().texts.fetch('key', soon('asked anew')), 'after');
    assert.equal((await cache.stats()).disk.failures, 0);
  });

  it('shares its folder with other servers: what one has written or cleared the other sees', async () => {
    const [one, other] = [openCache(), openCache()];
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        Promise.all([one, other].map(({ texts }) => texts.fetch(`key ${index}`, soon(`text ${index}`)))),
      ),
    );
    await one.texts.fetch('mine', soon('from one'));
    await waitFor('the entry to be written', () => files().length === 42);
    assert.equal(await other.texts.fetch('mine', soon('from other')), 'from one');
    await one.cache.clear();
    other.texts.shed(1);
    assert.equal(await other.texts.fetch('mine', soon('from other')), 'from other');
    assert.equal((await one.cache.stats()).disk.failures + (await other.cache.stats()).disk.failures, 0);
  });

  it('removes what an interrupted write has left, after an hour', async () => {
    await keep('one');
    const [file = ''] = files();
    const old = `${file}.0123456789ab.tmp`;
    const young = `${file}.ba9876543210.tmp`;
    for (const temporary of [old, young]) fs.writeFileSync(temporary, 'half');
    fs.utimesSync(old, new Date(), new Date(Date.now() - 2 * 3_600_000));
    await openCache().cache.stats();
    assert.deepEqual([fs.existsSync(old), fs.existsSync(young)], [false, true]);
  });

  it('touches no disk when it may not, and is not said to fail then', async () => {
    const clock = new FakeClock();
    const { cache, texts } = openCache(clock);
    disk.failAlways('EIO');
    for (let index = 0; index < 5; index++) await texts.fetch(`key ${index}`, soon('answer'));
    await waitFor('the breaker to open', () => health.components.get('cacheDisk')?.status === 'degraded');
    settings.replace({ 'cache.diskMegabytes': 0 });
    assert.equal(health.components.get('cacheDisk')?.status, 'ready');
    const operations = disk.operations;
    await texts.fetch('key', soon('answer'));
    assert.deepEqual([disk.operations, (await cache.stats()).disk.status], [operations, 'off']);
    assert.equal(clock.pending, 0, 'no probe is made');
  });
});

function filesBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

function sizeOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + Math.ceil(fs.statSync(file).size / 4_096) * 4_096, 0);
}
