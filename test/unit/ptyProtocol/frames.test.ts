import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  allocateOutput,
  decodeCheckpoint,
  decodeOutput,
  decodeSetCheckpoint,
  decodeWrite,
  encodeCheckpoint,
  encodeSetCheckpoint,
  encodeWrite,
} from '../../../server/src/ptyProtocol/binaryFrames.ts';
import { PtyProtocolError } from '../../../server/src/ptyProtocol/errors.ts';
import {
  allocateFrame,
  decodeControl,
  encodeControl,
  FrameDecoder,
  frameHeaderBytes,
  frameType,
  type FrameType,
} from '../../../server/src/ptyProtocol/frames.ts';
import { maxFrameBytes } from '../../../server/src/ptyProtocol/limits.ts';

const sessionId = '000102030405060708090a0b0c0d0e0f';
const isViolation = (error: unknown) => error instanceof PtyProtocolError && error.code === 'ProtocolViolation';

function framesOf(decoder: FrameDecoder): { type: number; body: string }[] {
  const frames = [];
  for (let frame = decoder.next(); frame; frame = decoder.next()) {
    frames.push({ type: frame.type, body: frame.body.toString('hex') });
  }
  return frames;
}

describe('The wire of the pty host, byte by byte', () => {
  it('writes a control frame as length, type 1 and JSON', () => {
    const golden = '0000001e' + '01' + Buffer.from('{"notify":"ping","params":{}}').toString('hex');
    const frame = encodeControl({ notify: 'ping', params: {} });
    assert.equal(frame.toString('hex'), golden);
    assert.equal(frame.readUInt32BE(0), frame.length - 4);
  });

  it('writes what revision 1 has added as control frames', () => {
    const golden = (length: string, text: string): string => length + '01' + Buffer.from(text).toString('hex');
    const typed = encodeControl({ notify: 'typed', params: { sessionId: 'ab', characters: 2 } });
    assert.equal(
      typed.toString('hex'),
      golden('0000003e', '{"notify":"typed","params":{"sessionId":"ab","characters":2}}'),
    );
    const proof = encodeControl({ proof: { proof: 'ff', keepAliveHours: undefined } });
    assert.equal(proof.toString('hex'), golden('00000019', '{"proof":{"proof":"ff"}}'));
  });

  it('writes OUTPUT as type 2, u32 subscription, u64 offset, bytes', () => {
    const { frame, data } = allocateOutput(7, 0x1_0000_0002, 3);
    data.set([0x61, 0x62, 0x63]);
    assert.equal(frame.toString('hex'), '00000010' + '02' + '00000007' + '0000000100000002' + '616263');
    assert.deepEqual(decodeOutput(frame.subarray(frameHeaderBytes)), {
      subscriptionId: 7,
      offset: 0x1_0000_0002,
      data: Buffer.from('abc'),
    });
  });

  it('writes WRITE as type 3, u32 request, 16 bytes session, bytes', () => {
    const frame = encodeWrite(9, sessionId, Buffer.from('ls\r'));
    assert.equal(frame.toString('hex'), '00000018' + '03' + '00000009' + sessionId + '6c730d');
    assert.deepEqual(decodeWrite(frame.subarray(frameHeaderBytes)), { id: 9, sessionId, data: Buffer.from('ls\r') });
  });

  it('writes SET_CHECKPOINT as type 4, u32 request, 16 bytes session, u64 offset, bytes', () => {
    const request = { id: 9, sessionId, offset: 300, data: Buffer.from('x') };
    const frame = encodeSetCheckpoint(request);
    assert.equal(frame.toString('hex'), '0000001e' + '04' + '00000009' + sessionId + '000000000000012c' + '78');
    assert.deepEqual(decodeSetCheckpoint(frame.subarray(frameHeaderBytes)), request);
  });

  it('writes CHECKPOINT as type 5, u32 request, u64 offset, bytes', () => {
    const frame = encodeCheckpoint(9, 300, Buffer.from('x'));
    assert.equal(frame.toString('hex'), '0000000e' + '05' + '00000009' + '000000000000012c' + '78');
    assert.deepEqual(decodeCheckpoint(frame.subarray(frameHeaderBytes)), {
      id: 9,
      offset: 300,
      data: Buffer.from('x'),
    });
  });

  it('refuses binary frames that are shorter than their fields, and offsets beyond 2^53', () => {
    for (const decode of [decodeOutput, decodeWrite, decodeSetCheckpoint, decodeCheckpoint]) {
      assert.throws(() => decode(Buffer.alloc(11)), isViolation);
    }
    assert.throws(() => decodeOutput(Buffer.alloc(12, 0xff)), isViolation);
  });

  it('refuses control frames that hold no JSON object', () => {
    for (const body of ['', '{', '[]', 'null', '1', '"text"', '{"a":}']) {
      assert.throws(() => decodeControl(Buffer.from(body)), isViolation);
    }
  });
});

describe('The frame decoder', () => {
  const frames = fc.array(
    fc.record({
      type: fc.constantFrom<FrameType[]>(...Object.values(frameType)),
      body: fc.uint8Array({ maxLength: 300 }),
    }),
    { maxLength: 12 },
  );

  it('gives back the same frames however the stream is split', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sent, cuts) => {
        const stream = Buffer.concat(
          sent.map(({ type, body }) => {
            const frame = allocateFrame(type, body.length);
            frame.set(body, frameHeaderBytes);
            return frame;
          }),
        );
        const decoder = new FrameDecoder();
        const received = [];
        for (let start = 0, turn = 0; start < stream.length; turn++) {
          const end = start + cuts[turn % cuts.length]!;
          decoder.push(stream.subarray(start, end));
          received.push(...framesOf(decoder));
          start = end;
        }
        assert.deepEqual(
          received,
          sent.map(({ type, body }) => ({ type, body: Buffer.from(body).toString('hex') })),
        );
        assert.equal(decoder.pendingBytes, 0);
      }),
    );
  });

  it('needs no chunk any more once it has given all that is in it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { minLength: 2, maxLength: 20 }),
        fc.integer({ min: 1, max: 100 }),
        (bodies, chunkBytes) => {
          const decoder = new FrameDecoder();
          const given: string[] = [];
          const stream = Buffer.concat(
            bodies.map((body) => {
              const frame = allocateFrame(frameType.write, body.length);
              frame.set(body, frameHeaderBytes);
              return frame;
            }),
          );
          // One buffer for every chunk, as a socket has it that reads into one.
          const chunk = Buffer.alloc(chunkBytes);
          for (let start = 0; start < stream.length; start += chunkBytes) {
            const count = stream.copy(chunk, 0, start);
            decoder.push(chunk.subarray(0, count));
            given.push(...framesOf(decoder).map(({ body }) => body));
          }
          assert.deepEqual(
            given,
            bodies.map((body) => Buffer.from(body).toString('hex')),
          );
        },
      ),
    );
  });

  it('takes a frame of the greatest length and refuses one byte more before its body has come', () => {
    const decoder = new FrameDecoder();
    decoder.push(allocateFrame(frameType.write, maxFrameBytes - 1));
    assert.equal(decoder.next()?.body.length, maxFrameBytes - 1);
    const header = Buffer.alloc(frameHeaderBytes);
    header.writeUInt32BE(maxFrameBytes + 1, 0);
    header.writeUInt8(frameType.write, 4);
    decoder.push(header);
    assert.throws(() => decoder.next(), isViolation);
    assert.throws(() => allocateFrame(frameType.write, maxFrameBytes), isViolation);
  });

  it('refuses an empty frame and an unknown type', () => {
    for (const bytes of [
      [0, 0, 0, 0, 1],
      [0, 0, 0, 1, 0],
      [0, 0, 0, 1, 6],
      [0x47, 0x45, 0x54, 0x20, 0x2f],
    ]) {
      const decoder = new FrameDecoder();
      decoder.push(Buffer.from(bytes));
      assert.throws(() => decoder.next(), isViolation);
    }
  });

  it('never does anything but give frames or refuse, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        const decoder = new FrameDecoder(1_024);
        try {
          for (const chunk of chunks) {
            decoder.push(Buffer.from(chunk));
            framesOf(decoder);
            assert.ok(decoder.pendingBytes <= 1_024 + 64 + frameHeaderBytes);
          }
        } catch (error) {
          assert.ok(isViolation(error), String(error));
        }
      }),
    );
  });
});
