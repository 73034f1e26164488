/**
 * Terminal output over a WebSocket: a binary frame of a header and the bytes as the program wrote them.
 *
 * | bytes | |
 * |---|---|
 * | 0 | kind: 1, `terminal/output` |
 * | 1–16 | the terminal's id, as the 16 bytes that its 32 hex digits stand for |
 * | 17–24 | offset of the first byte in the terminal's output: unsigned, big-endian |
 * | 25– | the output |
 */
export const outputFrameKind = 1;
const idBytes = 16;
const headerBytes = 1 + idBytes + 8;

/** A frame of its own: nothing of `data` is kept. */
export function encodeOutputFrame(sessionId: string, offset: number, data: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + data.byteLength);
  frame.writeUInt8(outputFrameKind, 0);
  frame.write(sessionId, 1, idBytes, 'hex');
  frame.writeBigUInt64BE(BigInt(offset), 1 + idBytes);
  frame.set(data, headerBytes);
  return frame;
}
