import * as assert from 'node:assert/strict';
import type { CacheNamespace } from '../../../server/src/cache/cacheNamespace.ts';
import type { CacheService } from '../../../server/src/cache/cacheService.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { CacheSettings, createCache } from '../../support/memoryCache.ts';
import { textNamespace } from './textNamespace.ts';

/** An answer that comes when the test says so. */
class Question {
  asked = 0;
  signals: AbortSignal[] = [];
  previous: (string | undefined)[] = [];
  private answers: PromiseWithResolvers<string>[] = [];

  readonly load = (signal: AbortSignal, previous: string | undefined): Promise<string> => {
    this.asked += 1;
    this.signals.push(signal);
    this.previous.push(previous);
    const answer = Promise.withResolvers<string>();
    this.answers.push(answer);
    signal.addEventListener('abort', () => answer.reject(signal.reason as Error));
    return answer.promise;
  };

  answer(text: string): void {
    this.answers.shift()?.resolve(text);
  }

  fail(error: Error): void {
    this.answers.shift()?.reject(error);
  }
}

const soon = (text: string) => () => Promise.resolve(text);
const neverAsked = (): Promise<string> => Promise.reject(new Error('This should have been in the cache.'));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('A namespace of the cache', () => {
  let clock: FakeClock;
  let settings: CacheSettings;
  let cache: CacheService;
  let texts: CacheNamespace<string>;

  beforeEach(() => {
    clock = new FakeClock();
    settings = new CacheSettings({ 'cache.diskMegabytes': 0, 'cache.memoryMegabytes': 1 });
    cache = createCache({ clock, settings });
    texts = cache.namespace(textNamespace);
  });
  afterEach(async () => {
    await cache.close();
    assert.deepEqual([clock.pending, settings.listenerCount], [0, 0], 'no timer and no listener is left');
  });

  it('asks once, and gives the answer for as long as it is fresh', async () => {
    assert.equal(texts.get('key'), undefined);
    assert.equal(await texts.fetch('key', soon('answer')), 'answer');
    clock.advance(59_999);
    assert.equal(await texts.fetch('key', neverAsked), 'answer');
    assert.equal(texts.get('key'), 'answer');
    clock.advance(1);
    assert.equal(texts.get('key'), undefined);
    assert.equal(await texts.fetch('key', soon('newer')), 'newer');
    const { memoryHits, misses, hitRate, entries } = texts.stats();
    assert.deepEqual([memoryHits, misses, hitRate, entries], [2, 2, 0.5, 1]);
  });

  it('asks once for a hundred who want the same at the same moment', async () => {
    const question = new Question();
    const answers = Array.from({ length: 100 }, () => texts.fetch('key', question.load));
    await turn();
    question.answer('for all');
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['for all']));
    assert.deepEqual([question.asked, texts.stats().misses, texts.stats().joined], [1, 1, 99]);
  });

  it('gives something old at once to whoever takes it, and asks for it anew behind their back', async () => {
    await texts.fetch('key', soon('old'));
    clock.advance(60_001);
    const question = new Question();
    assert.equal(await texts.fetch('key', question.load, { accept: 'stale' }), 'old');
    assert.equal(await texts.fetch('key', question.load, { accept: 'stale' }), 'old');
    assert.deepEqual([question.asked, question.previous], [1, ['old']]);
    question.answer('new');
    await turn();
    assert.equal(await texts.fetch('key', neverAsked, { accept: 'stale' }), 'new');
    assert.equal(texts.stats().staleHits, 2);
  });

  it('keeps something old where asking anew fails, until it is too old for anybody', async () => {
    await texts.fetch('key', soon('old'));
    clock.advance(60_001);
    assert.equal(await texts.fetch('key', () => Promise.reject(new Error('no')), { accept: 'stale' }), 'old');
    await turn();
    clock.advance(3_600_000);
    await assert.rejects(
      texts.fetch('key', () => Promise.reject(new Error('no')), { accept: 'stale' }),
      /^Error: no$/,
    );
  });

  it('asks in any case where nothing kept will do, and joins who is asking already', async () => {
    await texts.fetch('key', soon('old'));
    const question = new Question();
    const one = texts.fetch('key', question.load, { accept: 'nothing' });
    const other = texts.fetch('key', question.load, { accept: 'nothing' });
    question.answer('new');
    assert.deepEqual([await one, await other, question.asked, texts.get('key')], ['new', 'new', 1, 'new']);
  });

  it('hands a failure to all who waited, and keeps it for nobody', async () => {
    const question = new Question();
    const waiting = [texts.fetch('key', question.load), texts.fetch('key', question.load)];
    await turn();
    question.fail(new Error('unreachable'));
    for (const one of waiting) await assert.rejects(one, /unreachable/);
    assert.equal(await texts.fetch('key', soon('back again')), 'back again');
  });

  it('lets one who waits go without the others, and ends the question when all have gone', async () => {
    const question = new Question();
    const [first, second] = [new AbortController(), new AbortController()];
    const one = texts.fetch('key', question.load, { signal: first.signal });
    const other = texts.fetch('key', question.load, { signal: second.signal });
    await turn();
    first.abort(new Error('first left'));
    await assert.rejects(one, /first left/);
    const isAborted = (): boolean => question.signals.every(({ aborted }) => aborted);
    assert.equal(isAborted(), false);
    second.abort(new Error('second left'));
    await assert.rejects(other, /second left/);
    assert.equal(isAborted(), true);
    await assert.rejects(texts.fetch('key', neverAsked, { signal: first.signal }), /first left/);
    assert.equal(await texts.fetch('key', soon('asked anew')), 'asked anew');
  });

  it('does not keep what was asked for before it was cleared', async () => {
    const question = new Question();
    const early = texts.fetch('key', question.load);
    await turn();
    await texts.clear();
    const late = texts.fetch('key', soon('after'));
    question.answer('before');
    assert.deepEqual([await early, await late, texts.get('key')], ['before', 'after', 'after']);
  });

  it('does not make an answer good for longer when the clock is set back', async () => {
    await texts.fetch('key', soon('answer'));
    clock.advance(-3_600_000);
    assert.equal(texts.get('key'), undefined);
    assert.equal(await texts.fetch('key', soon('newer'), { accept: 'stale' }), 'newer');
  });

  it('keeps no answer that is good for no time', async () => {
    await texts.fetch('key', soon('kept'));
    await texts.fetch('key', soon('never mind'), { accept: 'nothing' });
    assert.deepEqual([texts.stats().entries, texts.get('key')], [0, undefined]);
  });

  it('takes no more memory than it may, and gives up first what was not used for longest', async () => {
    const quarter = 'x'.repeat(250_000);
    for (const key of ['a', 'b', 'c', 'd']) await texts.fetch(key, soon(quarter));
    texts.get('a');
    await texts.fetch('e', soon(quarter));
    assert.deepEqual([texts.get('a') !== undefined, texts.get('b')], [true, undefined]);
    assert.deepEqual([texts.stats().memoryBytes, texts.stats().evictions], [1_000_000, 1]);
    await texts.fetch('too large', soon('x'.repeat(1_000_001)));
    assert.deepEqual([texts.get('too large'), texts.stats().entries], [undefined, 4]);
  });

  it('gives up a share of its memory under pressure', async () => {
    for (const key of ['a', 'b', 'c', 'd']) await texts.fetch(key, soon('x'.repeat(1_000)));
    texts.get('a');
    assert.equal(cache.shed(0.5), 2_000);
    assert.deepEqual([texts.get('b'), texts.get('c')], [undefined, undefined]);
    assert.ok(texts.get('a') !== undefined);
    assert.deepEqual([cache.shed(0), cache.shed(1), cache.shed(1), texts.stats().entries], [0, 2_000, 0, 0]);
  });

  it('shares the memory with other namespaces by weight, and none of them pushes out what another keeps', async () => {
    await texts.fetch('key', soon('mine'));
    const others = cache.namespace({ ...textNamespace, name: 'others', weight: 3 });
    assert.deepEqual([texts.stats().maxMemoryBytes, others.stats().maxMemoryBytes], [250_000, 750_000]);
    for (let index = 0; index < 100; index++) await others.fetch(`${index}`, soon('x'.repeat(100_000)));
    assert.equal(texts.get('key'), 'mine');
    const { memory, namespaces } = await cache.stats();
    assert.equal(memory.maxBytes, 1_000_000);
    assert.equal(memory.usedBytes, 700_004);
    assert.deepEqual(
      namespaces.map(({ name, hitRate }) => [name, hitRate]),
      [
        ['texts', 0.5],
        ['others', 0],
      ],
    );
    assert.throws(() => cache.namespace(textNamespace), /two namespaces texts/);
  });

  it('follows the settings: less memory keeps what was used last, and none of it is kept when it is turned off', async () => {
    settings.replace({ 'cache.diskMegabytes': 0, 'cache.memoryMegabytes': 2 });
    for (const key of ['a', 'b', 'c']) await texts.fetch(key, soon('x'.repeat(600_000)));
    texts.get('b');
    settings.replace({ 'cache.diskMegabytes': 0, 'cache.memoryMegabytes': 1 });
    assert.deepEqual([texts.stats().entries, texts.get('b') !== undefined], [1, true]);
    settings.replace({ 'cache.enabled': false });
    assert.deepEqual([texts.stats().entries, (await cache.stats()).enabled], [0, false]);
    const question = new Question();
    const both = [texts.fetch('key', question.load), texts.fetch('key', question.load)];
    await turn();
    question.answer('once');
    assert.deepEqual([await Promise.all(both), question.asked, texts.get('key')], [['once', 'once'], 1, undefined]);
  });

  it('is cleared by name or with all others, and says what was freed', async () => {
    const others = cache.namespace({ ...textNamespace, name: 'others' });
    await texts.fetch('key', soon('four'));
    await others.fetch('key', soon('sixsix'));
    assert.deepEqual(await cache.clear('texts'), { memoryBytes: 4, diskBytes: 0 });
    assert.equal(others.get('key'), 'sixsix');
    assert.deepEqual(await cache.clear(), { memoryBytes: 6, diskBytes: 0 });
    assert.equal(others.get('key'), undefined);
    await assert.rejects(cache.clear('nosuch'), { reason: 'NotFound', message: /"nosuch".*texts, others/ });
  });
});
