import { maxCheckpointBytes } from '../../ptyProtocol/limits.ts';
import type { TerminalSize } from './screenTerminal.ts';

/**
 * What we leave with a session as its screen: `ADAS`, the version, a zero byte, columns and rows as u16 big-endian, then
 * the replay. A server that does not know the version passes the checkpoint over.
 */
const magic = [0x41, 0x44, 0x41, 0x53];
const version = 1;
const headerBytes = 10;

/** Bytes that a replay may have to be left as a checkpoint. */
export const maxCheckpointReplayBytes = maxCheckpointBytes - headerBytes;

export interface ScreenCheckpoint extends TerminalSize {
  readonly replay: Uint8Array;
}

export function encodeCheckpoint({ cols, rows, replay }: ScreenCheckpoint): Uint8Array {
  const data = new Uint8Array(headerBytes + replay.length);
  data.set([...magic, version, 0]);
  const view = new DataView(data.buffer);
  view.setUint16(6, cols);
  view.setUint16(8, rows);
  data.set(replay, headerBytes);
  return data;
}

/** Undefined where another version wrote it, or something else. */
export function decodeCheckpoint(data: Uint8Array): ScreenCheckpoint | undefined {
  if (data.length < headerBytes || !magic.every((byte, index) => data[index] === byte)) return undefined;
  if (data[4] !== version) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const cols = view.getUint16(6);
  const rows = view.getUint16(8);
  return cols > 0 && rows > 0 ? { cols, rows, replay: data.subarray(headerBytes) } : undefined;
}
