import assert from 'node:assert/strict';
import fc from 'fast-check';
import { offsetOfLine, readLines, readPart } from '../../../server/src/terminals/commands/outputReading.ts';
import { sourceOfBytes, type OutputSource } from '../../../server/src/terminals/commands/outputSource.ts';

const signal = new AbortController().signal;
const sourceOf = (text: string): OutputSource => sourceOfBytes(Buffer.from(text), { conversationId: null, exit: null });

describe('Reading output back', () => {
  it('gives the whole in parts of any size, no character torn', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 80 }),
        fc.integer({ min: 4, max: 20 }),
        async (raw, size) => {
          const text = raw.replace(/\p{Cc}|\s/gu, '');
          const source = sourceOf(text);
          let read = '';
          for (let fromOffset = 0; fromOffset < source.endOffset;) {
            const part = await readPart(source, { fromOffset, toOffset: Infinity, maxBytes: size });
            assert.ok(part.nextOffset > fromOffset);
            read += part.text;
            fromOffset = part.nextOffset;
          }
          assert.equal(read, text);
        },
      ),
    );
  });

  it('finds lines, and the end where there are fewer', async () => {
    const source = sourceOf('one\ntwo\nthree');
    assert.deepEqual(
      [
        await offsetOfLine(source, 1, signal),
        await offsetOfLine(source, 2, signal),
        await offsetOfLine(source, 3, signal),
      ],
      [0, 4, 8],
    );
    assert.equal(await offsetOfLine(source, 4, signal), 13);
  });

  it('gives a range of lines, the last ones, and what fits', async () => {
    const source = sourceOf(Array.from({ length: 100 }, (_value, index) => `line ${index + 1}\r\n`).join(''));
    const range = await readLines(source, { startLine: 98, endLine: 99, maxChars: 1_000 }, signal);
    assert.deepEqual(range, { lines: ['line 98', 'line 99'], startLine: 98, lineCount: 100, isCut: false });
    const last = await readLines(source, { maxChars: 24 }, signal);
    assert.deepEqual(last, { lines: ['line 99', 'line 100'], startLine: 99, lineCount: 100, isCut: true });
    const first = await readLines(source, { startLine: 1, maxChars: 17 }, signal);
    assert.deepEqual([first.lines, first.isCut], [['line 1', 'line 2'], true]);
    assert.deepEqual((await readLines(source, { startLine: 200, maxChars: 10 }, signal)).lines, []);
  });

  it('gives the last line without an end, and says where bytes are not kept', async () => {
    const source = sourceOfBytes(Buffer.from('after\nname: '), { conversationId: null, exit: null, startOffset: 500 });
    const { lines } = await readLines(source, { maxChars: 1_000 }, signal);
    assert.deepEqual(lines, ['', '[… 500 bytes of output left out …]', 'after', 'name:']);
    const part = await readPart(source, { fromOffset: 0, toOffset: Infinity, maxBytes: 100 });
    assert.deepEqual([part.fromOffset, part.omittedBytes], [500, 500]);
  });

  it('stays quick with megabytes, in one line or many', async () => {
    for (const text of ['x'.repeat(4_000_000), 'y\n'.repeat(1_000_000)]) {
      const startedAt = performance.now();
      await readLines(sourceOf(text), { maxChars: 48_000 }, signal);
      assert.ok(performance.now() - startedAt < 10_000);
    }
  });

  it('ends early when nobody wants it any more', async () => {
    const aborted = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(readLines(sourceOf('text'), { maxChars: 10 }, aborted), /stopped/);
  });
});
