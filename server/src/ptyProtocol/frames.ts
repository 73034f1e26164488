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
  /** Valid until the decoder is used again: what is kept is copied. */
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

/** Frames up to this size, which are nearly all, are put together in one buffer: output has 64 KiB and a header. */
const reusedBytes = 66_560;

/**
 * Cuts a stream of bytes, split anywhere, into frames. It holds at most one incomplete frame and the last chunk: a length
 * over the limit is refused before any of its body is kept. What is pushed is needed until `next` has given undefined. After it has thrown, the stream cannot be read on.
 */
export class FrameDecoder {
  /** Longest frame taken. A host keeps it small until the client has proved itself. */
  maxBytes: number;
  /** The last chunk, read up to `at`. Between calls its rest is less than a header, or frames not asked for yet. */
  private chunk: Buffer = Buffer.alloc(0);
  private at = 0;
  /** The frame that is being put together, with its header. */
  private partial: Buffer | undefined;
  private reused: Buffer | undefined;
  private filledBytes = 0;

  constructor(maxBytes = maxFrameBytes) {
    this.maxBytes = maxBytes;
  }

  /** Bytes held and not yet returned. */
  get pendingBytes(): number {
    return this.filledBytes + this.chunk.length - this.at;
  }

  push(chunk: Buffer): void {
    const hasRest = this.at < this.chunk.length;
    this.chunk = hasRest ? Buffer.concat([this.chunk.subarray(this.at), chunk]) : chunk;
    this.at = 0;
  }

  /** The next whole frame, or undefined until more bytes have come. Throws a `ProtocolViolation` for a bad header. */
  next(): Frame | undefined {
    if (!this.partial) {
      const restBytes = this.chunk.length - this.at;
      if (restBytes < frameHeaderBytes) {
        // The chunk's memory is the caller's again.
        this.chunk = Buffer.from(this.chunk.subarray(this.at));
        this.at = 0;
        return undefined;
      }
      this.partial = this.room(this.readLength());
    }
    const copied = this.chunk.copy(this.partial, this.filledBytes, this.at);
    this.at += copied;
    this.filledBytes += copied;
    if (this.filledBytes < this.partial.length) return undefined;
    const frame = toFrame(this.partial);
    this.partial = undefined;
    this.filledBytes = 0;
    return frame;
  }

  /** Under a flood a buffer for each frame would keep the garbage collector busier than anything else. */
  private room(frameBytes: number): Buffer {
    if (frameBytes > reusedBytes) return Buffer.allocUnsafeSlow(frameBytes);
    this.reused ??= Buffer.allocUnsafeSlow(reusedBytes);
    return this.reused.subarray(0, frameBytes);
  }

  /** Bytes of the frame that begins here, its header included. */
  private readLength(): number {
    const lengthBytes = this.chunk.readUInt32BE(this.at);
    if (lengthBytes < 1 || lengthBytes > this.maxBytes) {
      throw new PtyProtocolError(
        'ProtocolViolation',
        `A frame announces ${lengthBytes} bytes; 1 to ${this.maxBytes} are allowed here.`,
      );
    }
    const type = this.chunk.readUInt8(this.at + 4);
    if (!isFrameType(type)) throw new PtyProtocolError('ProtocolViolation', `There is no frame type ${type}.`);
    return frameHeaderBytes - 1 + lengthBytes;
  }
}

/** `bytes` is one whole frame whose type was checked. */
function toFrame(bytes: Buffer): Frame {
  return { type: bytes.readUInt8(4) as FrameType, body: bytes.subarray(frameHeaderBytes) };
}

function isFrameType(value: number): value is FrameType {
  return (Object.values(frameType) as number[]).includes(value);
}
