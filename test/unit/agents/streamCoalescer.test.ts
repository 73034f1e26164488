import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { StreamCoalescer } from '../../../server/src/agents/streamCoalescer.ts';
import { FakeClock } from '../../support/fakeClock.ts';

/** A journal whose disk answers when told. */
class SlowJournal {
  readonly appended: SessionUpdate[] = [];
  private waiting: ((error?: Error) => void)[] = [];

  readonly append = (updates: readonly SessionUpdate[]): Promise<void> => {
    this.appended.push(...updates);
    return new Promise((resolve, reject) => this.waiting.push((error) => (error ? reject(error) : resolve())));
  };

  get unanswered(): number {
    return this.waiting.length;
  }

  answer(error?: Error): void {
    for (const settle of this.waiting.splice(0)) settle(error);
  }

  texts(): [string, string][] {
    return this.appended.map((update) => [messageIdOf(update), textOf(update)]);
  }
}

function textOf(update: SessionUpdate): string {
  assert.ok(update.sessionUpdate === 'agent_message_chunk' || update.sessionUpdate === 'agent_thought_chunk');
  assert.ok(update.content.type === 'text');
  return update.content.text;
}

function messageIdOf(update: SessionUpdate): string {
  assert.ok(update.sessionUpdate === 'agent_message_chunk' || update.sessionUpdate === 'agent_thought_chunk');
  return update.messageId;
}

describe('The stream of an answer', () => {
  let clock: FakeClock;
  let journal: SlowJournal;
  let stream: StreamCoalescer;

  beforeEach(() => {
    clock = new FakeClock();
    journal = new SlowJournal();
    stream = new StreamCoalescer({ append: journal.append, clock, stepId: 's' });
  });

  afterEach(async () => {
    const ending = stream.end().catch(() => undefined);
    journal.answer();
    await ending;
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  it('writes many tokens as one chunk after 40 ms', async () => {
    for (const token of ['a', 'b', 'c']) await stream.push('text', token);
    assert.deepEqual(journal.texts(), []);
    clock.advance(39);
    assert.deepEqual(journal.texts(), []);
    clock.advance(1);
    assert.deepEqual(journal.texts(), [['s', 'abc']]);
  });

  it('does not wait where 2,048 characters are together', async () => {
    await stream.push('text', 'x'.repeat(2_047));
    assert.equal(journal.appended.length, 0);
    await stream.push('text', 'x');
    assert.equal(journal.appended.length, 1);
  });

  it('keeps the order of thoughts and text', async () => {
    await stream.push('thought', 'hm');
    await stream.push('text', 'so');
    await stream.push('thought', 'or');
    stream.flush();
    assert.deepEqual(journal.texts(), [
      ['s.thought', 'hm'],
      ['s', 'so'],
      ['s.thought', 'or'],
    ]);
  });

  it('lets the network wait while too much is on its way to the disk', async () => {
    let isTaken = false;
    const pushed = stream.push('text', 'x'.repeat(300_000)).then(() => (isTaken = true));
    await new Promise(setImmediate);
    assert.equal(isTaken, false);
    journal.answer();
    await pushed;
    assert.equal(isTaken, true);
  });

  it('rejects what comes after an append that failed, and its end', async () => {
    await stream.push('text', 'a');
    stream.flush();
    journal.answer(new Error('disk full'));
    await new Promise(setImmediate);
    await assert.rejects(stream.push('text', 'b'), /disk full/);
    await assert.rejects(stream.end(), /disk full/);
  });

  it('is durable as a whole when it has ended', async () => {
    await stream.push('text', 'a');
    let hasEnded = false;
    const ending = stream.end().then(() => (hasEnded = true));
    await new Promise(setImmediate);
    assert.equal(hasEnded, false);
    assert.equal(journal.unanswered, 1);
    journal.answer();
    await ending;
  });

  it('loses, doubles and splits nothing, however the text comes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('👋'.repeat(40_000))), { maxLength: 20 }),
        async (pieces) => {
          const all: SessionUpdate[] = [];
          const append = (updates: readonly SessionUpdate[]) => Promise.resolve(void all.push(...updates));
          const coalescer = new StreamCoalescer({ append, clock, stepId: 's' });
          for (const piece of pieces) await coalescer.push('text', piece);
          await coalescer.end();
          const texts = all.map(textOf);
          assert.equal(texts.join(''), pieces.join(''));
          assert.ok(texts.every((text) => text.length > 0 && text.length <= 65_536 && text.isWellFormed()));
        },
      ),
      { numRuns: 50 },
    );
  });
});
