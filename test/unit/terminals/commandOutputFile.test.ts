import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { CommandOutputFile, outputFileBounds } from '../../../server/src/terminals/commands/commandOutputFile.ts';
import type { OutputSource } from '../../../server/src/terminals/commands/outputSource.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const slackBytes = 65_536;

describe('The file with the output of a command', () => {
  const folder = temporaryFolder();
  let count = 0;
  let file: string;
  beforeEach(() => (file = path.join(folder.path, `${++count}`)));
  after(() => folder.remove());

  /** Everything that is kept, the bytes of the gap as undefined. */
  async function readAll(source: OutputSource): Promise<(number | undefined)[]> {
    const bytes: (number | undefined)[] = [];
    while (bytes.length < source.endOffset) {
      const piece = await source.read(bytes.length, 1 + Math.floor(Math.random() * 5_000));
      while (bytes.length < piece.offset) bytes.push(undefined);
      if (piece.data.length === 0) break;
      bytes.push(...piece.data);
    }
    return bytes;
  }

  it('gives back the first and the last part, whatever the pieces in which they came', async () => {
    const bounds = { headBytes: 100, tailBytes: 150 };
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 40 }), async (sizes) => {
        const output = await CommandOutputFile.create(path.join(folder.path, `p${++count}`), null, bounds);
        try {
          const whole = randomBytes(sizes.reduce((sum, size) => sum + size, 0));
          let at = 0;
          for (const size of sizes) {
            await output.append(at, whole.subarray(at, at + size));
            at += size;
          }
          const kept = await readAll(output);
          const tailStart = Math.max(100, whole.length - 150);
          const expected = Array.from(whole, (byte, index) => (index < 100 || index >= tailStart ? byte : undefined));
          assert.deepEqual(kept, expected);
        } finally {
          await output.close();
        }
      }),
      { numRuns: 50 },
    );
  });

  it('stays within 8 MiB, and is for its owner alone', async () => {
    const output = await CommandOutputFile.create(file, 'conversation-1');
    const piece = Buffer.alloc(1_000_000, 'x');
    for (let at = 0; at < 30_000_000; at += piece.length) await output.append(at, piece);
    await output.close();
    assert.ok(statSync(file).size <= 8_388_608);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('takes more than the ring in one piece', async () => {
    const output = await CommandOutputFile.create(file, null, { headBytes: 10, tailBytes: 100 });
    const whole = randomBytes(3 * slackBytes);
    await output.append(0, whole);
    const kept = await readAll(output);
    assert.deepEqual(Buffer.from(kept.slice(0, 10) as number[]), whole.subarray(0, 10));
    assert.deepEqual(Buffer.from(kept.slice(-100) as number[]), whole.subarray(-100));
    await output.close();
  });

  it('goes on after a kill at any moment: the same bytes are written again without harm', async () => {
    const bounds = { headBytes: 64, tailBytes: 96 };
    const whole = randomBytes(1_000);
    const first = await CommandOutputFile.create(file, 'conversation-1', bounds);
    await first.append(0, whole.subarray(0, 700));
    await first.close();
    // Of a kill between data and header the header knows nothing: data beyond its end may have been written.
    const before = readFileSync(file);
    const dying = await CommandOutputFile.open(file);
    await dying?.append(700, whole.subarray(700, 800));
    await dying?.close();
    const after = readFileSync(file);
    before.copy(after, 0, 0, 1_024);
    writeFileSync(file, after);
    const next = await CommandOutputFile.open(file);
    assert.ok(next);
    assert.equal(next.endOffset, 700);
    assert.deepEqual(Buffer.from((await readAll(next)).slice(-96) as number[]), whole.subarray(604, 700));
    await next.append(650, whole.subarray(650));
    await next.finish({ exitCode: 3, signal: null, durationMs: 5 });
    await next.close();
    const read = await CommandOutputFile.open(file);
    assert.deepEqual(read?.exit, { exitCode: 3, signal: null, durationMs: 5 });
    assert.equal(read.conversationId, 'conversation-1');
    assert.deepEqual(Buffer.from((await readAll(read)).slice(-96) as number[]), whole.subarray(-96));
    await read.close();
  });

  it('knows of bytes that never came', async () => {
    const output = await CommandOutputFile.create(file, null, { headBytes: 100, tailBytes: 100 });
    await output.append(0, Buffer.from('start'));
    await output.append(50, Buffer.from('end'));
    assert.deepEqual(output.gap, { from: 5, to: 50 });
    assert.deepEqual(await output.read(0, 100), { offset: 0, data: Buffer.from('start') });
    assert.deepEqual(await output.read(5, 100), { offset: 50, data: Buffer.from('end') });
    await output.close();
  });

  it('is none where there is no file, or one that is damaged or of another version', async () => {
    assert.equal(await CommandOutputFile.open(file), undefined);
    for (const text of ['', 'nonsense', '{"version":2}', '{"version":1}', 'null']) {
      writeFileSync(file, text);
      assert.equal(await CommandOutputFile.open(file), undefined, text);
    }
  });

  it('has bounds that make 8 MiB with header and slack', () => {
    assert.equal(outputFileBounds.headBytes + outputFileBounds.tailBytes + slackBytes + 1_024, 8_388_608);
  });
});
