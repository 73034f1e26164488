import { PtyProtocolError } from './errors.ts';
import { allocateFrame, frameHeaderBytes, frameType } from './frames.ts';

/** Bytes of a session id: 128 random bits, in JSON as 32 hex digits. */
export const sessionIdBytes = 16;
const sessionIdPattern = /^[0-9a-f]{32}$/;

export function isSessionId(value: unknown): value is string {
  return typeof value === 'string' && sessionIdPattern.test(value);
}

/** Body of OUTPUT: u32 subscription, u64 offset of the first byte, bytes. */
export interface OutputFrame {
  readonly subscriptionId: number;
  readonly offset: number;
  readonly data: Buffer;
}
const outputHeaderBytes = 12;

/** An OUTPUT frame for `dataBytes` bytes, and the part of it that the caller fills with them. */
export function allocateOutput(
  subscriptionId: number,
  offset: number,
  dataBytes: number,
): { readonly frame: Buffer; readonly data: Buffer } {
  const frame = allocateFrame(frameType.output, outputHeaderBytes + dataBytes);
  frame.writeUInt32BE(subscriptionId, frameHeaderBytes);
  frame.writeBigUInt64BE(BigInt(offset), frameHeaderBytes + 4);
  return { frame, data: frame.subarray(frameHeaderBytes + outputHeaderBytes) };
}

export function decodeOutput(body: Buffer): OutputFrame {
  requireBytes(body, outputHeaderBytes, 'OUTPUT');
  return { subscriptionId: body.readUInt32BE(0), offset: readOffset(body, 4), data: body.subarray(outputHeaderBytes) };
}

/** Body of WRITE: u32 request id, 16 bytes session id, bytes. */
export interface WriteFrame {
  readonly id: number;
  readonly sessionId: string;
  readonly data: Buffer;
}
const writeHeaderBytes = 4 + sessionIdBytes;

export function encodeWrite(id: number, sessionId: string, data: Uint8Array): Buffer {
  const frame = allocateFrame(frameType.write, writeHeaderBytes + data.length);
  frame.writeUInt32BE(id, frameHeaderBytes);
  frame.write(sessionId, frameHeaderBytes + 4, 'hex');
  frame.set(data, frameHeaderBytes + writeHeaderBytes);
  return frame;
}

export function decodeWrite(body: Buffer): WriteFrame {
  requireBytes(body, writeHeaderBytes, 'WRITE');
  return {
    id: body.readUInt32BE(0),
    sessionId: body.toString('hex', 4, writeHeaderBytes),
    data: body.subarray(writeHeaderBytes),
  };
}

/** Body of SET_CHECKPOINT: u32 request id, 16 bytes session id, u64 offset, bytes. */
export interface SetCheckpointFrame extends WriteFrame {
  readonly offset: number;
}
const setCheckpointHeaderBytes = writeHeaderBytes + 8;

export function encodeSetCheckpoint(request: Omit<SetCheckpointFrame, 'data'> & { readonly data: Uint8Array }): Buffer {
  const frame = allocateFrame(frameType.setCheckpoint, setCheckpointHeaderBytes + request.data.length);
  frame.writeUInt32BE(request.id, frameHeaderBytes);
  frame.write(request.sessionId, frameHeaderBytes + 4, 'hex');
  frame.writeBigUInt64BE(BigInt(request.offset), frameHeaderBytes + writeHeaderBytes);
  frame.set(request.data, frameHeaderBytes + setCheckpointHeaderBytes);
  return frame;
}

export function decodeSetCheckpoint(body: Buffer): SetCheckpointFrame {
  requireBytes(body, setCheckpointHeaderBytes, 'SET_CHECKPOINT');
  return {
    id: body.readUInt32BE(0),
    sessionId: body.toString('hex', 4, writeHeaderBytes),
    offset: readOffset(body, writeHeaderBytes),
    data: body.subarray(setCheckpointHeaderBytes),
  };
}

/** Body of CHECKPOINT: u32 request id, u64 offset, bytes. */
export interface CheckpointFrame {
  readonly id: number;
  readonly offset: number;
  readonly data: Buffer;
}
const checkpointHeaderBytes = 12;

export function encodeCheckpoint(id: number, offset: number, data: Uint8Array): Buffer {
  const frame = allocateFrame(frameType.checkpoint, checkpointHeaderBytes + data.length);
  frame.writeUInt32BE(id, frameHeaderBytes);
  frame.writeBigUInt64BE(BigInt(offset), frameHeaderBytes + 4);
  frame.set(data, frameHeaderBytes + checkpointHeaderBytes);
  return frame;
}

export function decodeCheckpoint(body: Buffer): CheckpointFrame {
  requireBytes(body, checkpointHeaderBytes, 'CHECKPOINT');
  return { id: body.readUInt32BE(0), offset: readOffset(body, 4), data: body.subarray(checkpointHeaderBytes) };
}

function requireBytes(body: Buffer, count: number, name: string): void {
  if (body.length >= count) return;
  throw new PtyProtocolError('ProtocolViolation', `${name} needs at least ${count} bytes; ${body.length} came.`);
}

function readOffset(body: Buffer, at: number): number {
  const offset = Number(body.readBigUInt64BE(at));
  if (Number.isSafeInteger(offset)) return offset;
  throw new PtyProtocolError('ProtocolViolation', 'An offset is beyond 2^53 - 1.');
}
