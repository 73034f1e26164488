import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import {
  FrameSplitter,
  FramingError,
  maxBodyBytes,
  maxHeaderBytes,
  readFrames,
} from '../../../server/src/rpc/frameReader.ts';

function frame(body: string): Buffer {
  return Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

describe('The frame reader', () => {
  it('gives back every body, however the bytes are split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (bodies, sizes) => {
          const splitter = new FrameSplitter();
          const wire = Buffer.concat(bodies.map(frame));
          const seen: string[] = [];
          for (let at = 0; at < wire.length;) {
            const size = sizes.next().value as number;
            for (const body of splitter.push(wire.subarray(at, at + size))) seen.push(body.toString());
            at += size;
          }
          assert.deepEqual(seen, bodies);
        },
      ),
    );
  });

  it('accepts other headers and any case', () => {
    const bodies = new FrameSplitter().push(
      Buffer.from('Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-LENGTH: 2\r\n\r\n{}'),
    );
    assert.deepEqual(bodies.map(String), ['{}']);
  });

  const refused: [string, string][] = [
    ['a missing length', 'Content-Type: x\r\n\r\n'],
    ['a negative length', 'Content-Length: -1\r\n\r\n'],
    ['a length that is no number', 'Content-Length: NaN\r\n\r\n'],
    ['a hexadecimal length', 'Content-Length: 0x10\r\n\r\n'],
    ['a huge length', 'Content-Length: 99999999999999999999\r\n\r\n'],
    ['a length over the cap', `Content-Length: ${maxBodyBytes + 1}\r\n\r\n`],
    ['a length that stands twice', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    ['a line without a colon', 'hello\r\nContent-Length: 2\r\n\r\n{}'],
    ['an empty header', '\r\n\r\n'],
    ['a header without an end', 'x'.repeat(maxHeaderBytes + 1)],
    ['an HTTP request', 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}'],
  ];
  for (const [name, bytes] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(() => new FrameSplitter().push(Buffer.from(bytes)), FramingError);
    });
  }

  it('takes a body of exactly the cap', () => {
    const splitter = new FrameSplitter();
    splitter.push(Buffer.from(`Content-Length: ${maxBodyBytes}\r\n\r\n`));
    const bodies = splitter.push(Buffer.alloc(maxBodyBytes, 0x20));
    assert.equal(bodies[0]?.length, maxBodyBytes);
  });

  it('tells the end of a stream once, with the error if it broke', () => {
    const stream = new PassThrough();
    const ends: (Error | undefined)[] = [];
    readFrames(stream, { body: () => undefined, end: (error) => ends.push(error) });
    stream.emit('data', Buffer.from('Content-Length: x\r\n\r\n'));
    stream.emit('data', Buffer.from('more'));
    stream.destroy();
    assert.equal(ends.length, 1);
    assert.ok(ends[0] instanceof FramingError);
    assert.equal(stream.listenerCount('data'), 0);
  });
});
