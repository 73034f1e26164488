import * as assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { InputQueue } from '../../../extension/src/terminals/inputQueue.ts';
import { PacedWriter } from '../../../extension/src/terminals/pacedWriter.ts';
import { FakeClock, settle } from './fakeClock.ts';

describe('Output on its way to a VS Code terminal', () => {
  let clock: FakeClock;
  let written: string[];
  let consumed: number[];
  let writer: PacedWriter;

  beforeEach(() => {
    clock = new FakeClock();
    written = [];
    consumed = [];
    writer = new PacedWriter(
      clock,
      (text) => written.push(text),
      (offset) => consumed.push(offset),
    );
  });

  afterEach(() => {
    writer.dispose();
    assert.equal(clock.pendingTimers, 0, 'a timer is left');
  });

  it('is written at once while there is little of it', () => {
    writer.push(Buffer.from('a'), 0);
    writer.push(Buffer.from('b'), 1);
    assert.deepEqual(written, ['a', 'b']);
    assert.deepEqual(consumed, [1, 2]);
  });

  it('is written at 64 KiB every 16 ms, and only what is written counts as consumed', async () => {
    writer.push(Buffer.alloc(1_048_576, 'x'), 0);
    assert.equal(consumed.at(-1), 65_536);
    await clock.advance(16);
    assert.equal(consumed.at(-1), 131_072);
    await clock.advance(16 * 13);
    assert.equal(consumed.at(-1), 983_040);
    await clock.advance(16);
    assert.equal(consumed.at(-1), 1_048_576);
    assert.equal(written.join('').length, 1_048_576);
  });

  it('is decoded right wherever the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.array(fc.nat(200)), async (text, cuts) => {
        written = [];
        const fresh = new PacedWriter(
          clock,
          (piece) => written.push(piece),
          () => undefined,
        );
        const bytes = Buffer.from(text);
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((one, other) => one - other), bytes.length];
        places.slice(1).forEach((end, index) => fresh.push(bytes.subarray(places[index], end), places[index]!));
        await clock.advance(1_000);
        fresh.dispose();
        assert.equal(written.join(''), bytes.toString('utf8'));
      }),
    );
  });

  it('keeps what is to be done in its place between the bytes', async () => {
    writer.push(Buffer.alloc(200_000, 'x'), 0);
    writer.afterAll(() => written.push('[end]'));
    assert.equal(written.includes('[end]'), false);
    await clock.advance(1_000);
    assert.equal(written.at(-1), '[end]');
    assert.equal(written.join('').length, 200_000 + '[end]'.length);
  });
});

describe('Input on its way to a terminal', () => {
  it('is sent in order, in pieces the contract takes, and no character is torn', async () => {
    const sent: string[] = [];
    const queue = new InputQueue(
      async (data) => {
        await settle();
        sent.push(data);
      },
      () => assert.fail('nothing was lost'),
    );
    const paste = '😀'.repeat(400_000) + 'end';
    queue.push('first');
    queue.push(paste);
    while (sent.join('').length < paste.length + 5) await settle();
    assert.equal(sent.join(''), `first${paste}`);
    assert.ok(sent.every((piece) => piece.length <= 524_288 && piece.isWellFormed()));
    assert.ok(sent.length >= 3);
  });

  it('goes with the next request where a request is under way', async () => {
    const sent: string[] = [];
    const queue = new InputQueue(
      async (data) => {
        sent.push(data);
        await settle();
      },
      () => assert.fail('nothing was lost'),
    );
    for (const key of 'abcdef') queue.push(key);
    while (sent.join('').length < 6) await settle();
    assert.deepEqual(sent, ['a', 'bcdef']);
  });

  it('that cannot be sent is reported once, dropped, and does not hold up what comes later', async () => {
    const sent: string[] = [];
    const lost: unknown[] = [];
    let isDown = true;
    const queue = new InputQueue(
      (data) => {
        if (isDown) return Promise.reject(new Error('down'));
        sent.push(data);
        return Promise.resolve();
      },
      (error) => lost.push(error),
    );
    queue.push('a');
    queue.push('b');
    await settle();
    isDown = false;
    queue.push('c');
    await settle();
    assert.equal(lost.length, 1);
    assert.deepEqual(sent, ['c']);
  });

  it('is refused above 8 MiB that nobody takes', () => {
    const lost: unknown[] = [];
    const queue = new InputQueue(
      () => new Promise(() => undefined),
      (error) => lost.push(error),
    );
    for (let mebibyte = 0; mebibyte < 12; mebibyte++) queue.push('x'.repeat(1_048_576));
    assert.deepEqual(lost, [undefined, undefined, undefined, undefined].slice(0, lost.length));
    assert.ok(lost.length >= 3);
  });
});
