import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeRecord, maxRecordBytes, scanRecords, type ScanResult } from '../../../server/src/storage/recordCodec.ts';

/** Reads like a file that gives at most `chunkBytes` at a time. */
async function scan(bytes: Uint8Array, chunkBytes = 1_000_000): Promise<ScanResult & { texts: string[] }> {
  const texts: string[] = [];
  const file = {
    read(into: Uint8Array, position: number): Promise<number> {
      const part = bytes.subarray(position, position + Math.min(chunkBytes, into.byteLength));
      into.set(part);
      return Promise.resolve(part.byteLength);
    },
  };
  const result = await scanRecords(file, 0, (json) => {
    texts.push(json);
    return true;
  });
  return { ...result, texts };
}

const jsonText = fc.json({ maxDepth: 2 }).map((json) => JSON.stringify(JSON.parse(json)));

describe('record codec', () => {
  it('writes a line that a person can read', () => {
    assert.equal(encodeRecord('{"a":"ä"}').toString(), '10 282893f6 {"a":"ä"}\n');
  });

  it('reads back whatever was written, in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(jsonText), fc.integer({ min: 1, max: 50 }), async (texts, chunkBytes) => {
        const bytes = Buffer.concat(texts.map(encodeRecord));
        const result = await scan(bytes, chunkBytes);
        assert.deepEqual(result, { texts, damaged: [], goodEnd: bytes.length, fileEnd: bytes.length });
      }),
    );
  });

  it('finds the last good record wherever the file is cut', async () => {
    const texts = ['{"n":1}', '{"n":22}', '{"n":"drei\u2028"}'];
    const records = texts.map(encodeRecord);
    const bytes = Buffer.concat(records);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const result = await scan(bytes.subarray(0, cut), 7);
      const ends = records.map((_, index) => Buffer.concat(records.slice(0, index + 1)).length);
      const whole = ends.filter((end) => end <= cut).length;
      assert.deepEqual(result.texts, texts.slice(0, whole));
      assert.deepEqual([result.goodEnd, result.fileEnd, result.damaged], [ends[whole - 1] ?? 0, cut, []]);
    }
  });

  it('loses one record at most to one damaged byte, and never makes one up', async () => {
    const texts = ['{"n":1}', '{"n":22}', '{"n":333}', '{"n":4444}'];
    const bytes = Buffer.concat(texts.map(encodeRecord));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        const result = await scan(damaged, 11);
        assert.ok(result.texts.every((text) => texts.includes(text)));
        assert.ok(result.texts.length >= texts.length - 1);
        assert.deepEqual([...result.texts].sort(), result.texts);
      }),
      { numRuns: 500 },
    );
  });

  it('names the damaged bytes between good records, neighbours together', async () => {
    const [first, last] = [encodeRecord('{"n":1}'), encodeRecord('{"n":2}')];
    const rubbish = Buffer.from('rubbish\nmore rubbish\n');
    const result = await scan(Buffer.concat([first, rubbish, last]));
    assert.deepEqual(result.damaged, [{ offset: first.length, lengthBytes: rubbish.length }]);
    assert.deepEqual(result.texts, ['{"n":1}', '{"n":2}']);
  });

  it('takes zeros at the end, as some file systems leave them after a loss of power, for a torn tail', async () => {
    const record = encodeRecord('{"n":1}');
    const result = await scan(Buffer.concat([record, Buffer.alloc(5_000)]), 512);
    assert.deepEqual([result.goodEnd, result.damaged], [record.length, []]);
  });

  it('goes on behind a line that is longer than any record', async () => {
    const record = encodeRecord('{"n":1}');
    const long = Buffer.concat([Buffer.alloc(maxRecordBytes + 1_000_000, 'x'), Buffer.from('\n')]);
    const result = await scan(Buffer.concat([record, long, record]));
    assert.equal(result.texts.length, 2);
    assert.deepEqual(result.damaged, [{ offset: record.length, lengthBytes: long.length }]);
  });

  it('survives any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const result = await scan(bytes, 16);
        assert.ok(result.goodEnd <= result.fileEnd);
        assert.equal(result.fileEnd, bytes.length);
      }),
    );
  });
});
