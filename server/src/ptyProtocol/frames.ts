import { PtyProtocolError } from './errors.ts';
import { maxFrameBytes } from './limits.ts';

/** What a frame's body is. Part of the wire protocol: numbers are never given a second meaning. */
export const frameType = {
  /** UTF-8 JSON: handshake, request, response or notification. */
  control: 1,
  /** Host → client: bytes of a terminal. */
  output: 2,
  /** Client → host: input for a terminal, answered like a request. */
  write: 3,
  /** Client → host: a screen to keep, answered like a request. */
  setCheckpoint: 4,
  /** Host → client: the answer to `getCheckpoint` where a screen is kept. */
  checkpoint: 5,
} as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];

export interface Frame {
  readonly type: FrameType;
  /** A view of the bytes received, not a copy: what is kept for long is copied, so as not to hold a whole chunk. */
  readonly body: Buffer;
}

/** Bytes before a frame's body: u32 big-endian length of type and body, then the u8 type. */
export const frameHeaderBytes = 5;

/** A buffer for a frame with a body of `bodyBytes`, its header filled in; the caller fills the rest. */
export function allocateFrame(type: FrameType, bodyBytes: number): Buffer {
  if (bodyBytes + 1 > maxFrameBytes) {
    throw new PtyProtocolError(
      'ProtocolViolation',
      `A frame of ${bodyBytes} bytes is over the limit of ${maxFrameBytes}.`,
    );
  }
  const frame = Buffer.allocUnsafe(frameHeaderBytes + bodyBytes);
  frame.writeUInt32BE(bodyBytes + 1, 0);
  frame.writeUInt8(type, 4);
  return frame;
}

/** A CONTROL frame around `message`. Throws where the message is over the frame limit. */
export function encodeControl(message: object): Buffer {
  const json = JSON.stringify(message);
  const frame = allocateFrame(frameType.control, Buffer.byteLength(json));
  frame.write(json, frameHeaderBytes);
  return frame;
}

/** The JSON object in a CONTROL frame's body. Throws a `ProtocolViolation` for anything else. */
export function decodeControl(body: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new PtyProtocolError('ProtocolViolation', 'A control frame does not hold JSON.', error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PtyProtocolError('ProtocolViolation', 'A control frame does not hold a JSON object.');
  }
  return value as Record<string, unknown>;
}

/**
 * Cuts a stream of bytes, split anywhere, into frames. It holds at most one incomplete frame and the last chunk: a length
 * over the limit is refused before any of its body is kept. After it has thrown, the stream cannot be read on.
 */
export class FrameDecoder {
  /** Longest frame taken. A host keeps it small until the client has proved itself. */
  maxBytes: number;
  private buffer: Buffer = Buffer.alloc(0);
  private start = 0;
  private end = 0;
  /** Whether `buffer` is ours to append to; a chunk that came in on an empty decoder is used as it is. */
  private isOwned = false;

  constructor(maxBytes = maxFrameBytes) {
    this.maxBytes = maxBytes;
  }

  /** Bytes held and not yet returned. */
  get pendingBytes(): number {
    return this.end - this.start;
  }

  push(chunk: Buffer): void {
    if (this.pendingBytes === 0) {
      this.buffer = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.isOwned = false;
      return;
    }
    if (!this.isOwned || this.end + chunk.length > this.buffer.length) {
      // Doubling keeps a frame that arrives byte by byte linear; never writing in place keeps returned bodies valid.
      const grown = Buffer.allocUnsafe(2 * (this.pendingBytes + chunk.length));
      this.end = this.buffer.copy(grown, 0, this.start, this.end);
      this.start = 0;
      this.buffer = grown;
      this.isOwned = true;
    }
    this.end += chunk.copy(this.buffer, this.end);
  }

  /** The next whole frame, or undefined until more bytes have come. Throws a `ProtocolViolation` for a bad header. */
  next(): Frame | undefined {
    if (this.pendingBytes < frameHeaderBytes) return undefined;
    const lengthBytes = this.buffer.readUInt32BE(this.start);
    if (lengthBytes < 1 || lengthBytes > this.maxBytes) {
      throw new PtyProtocolError(
        'ProtocolViolation',
        `A frame announces ${lengthBytes} bytes; 1 to ${this.maxBytes} are allowed here.`,
      );
    }
    const type = this.buffer.readUInt8(this.start + 4);
    if (!isFrameType(type)) throw new PtyProtocolError('ProtocolViolation', `There is no frame type ${type}.`);
    const frameEnd = this.start + frameHeaderBytes - 1 + lengthBytes;
    if (this.end < frameEnd) return undefined;
    const body = this.buffer.subarray(this.start + frameHeaderBytes, frameEnd);
    this.start = frameEnd;
    return { type, body };
  }
}

function isFrameType(value: number): value is FrameType {
  return (Object.values(frameType) as number[]).includes(value);
}
