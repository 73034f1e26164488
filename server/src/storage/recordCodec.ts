import { crc32 } from 'node:zlib';
import type { OpenFile } from '../base/fileSystem.ts';

/**
 * A record is one line that a person can read: the length of the JSON text in bytes, its CRC32 in hexadecimal, the text.
 * JSON holds no raw line break, so after damage the next line break is where reading goes on.
 */

/** The largest JSON text of one record, in bytes. */
export const maxRecordBytes = 8 * 1024 * 1024;
const largestChunkBytes = 256 * 1024;
const smallestChunkBytes = 4 * 1024;
const newline = 0x0a;
const longestPrefixBytes = '8388608 00000000 '.length;
const prefixPattern = /^(\d{1,7}) ([\da-f]{8}) /;

/** Bytes of a file that are no record. */
export interface DamagedRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface ScanResult {
  /** Where the last good record ends. What follows is a torn tail, or a record still being written. */
  readonly goodEnd: number;
  readonly fileEnd: number;
  /** Damage before `goodEnd`, in order, neighbours joined. */
  readonly damaged: readonly DamagedRange[];
}

/** Takes the JSON text of a record, and where the record ends in the file; answers false to stop. */
export type OnRecord = (json: string, endBytes: number) => boolean;

/** The line of one record. */
export function encodeRecord(json: string): Buffer {
  const text = Buffer.from(json);
  return Buffer.concat([Buffer.from(`${text.byteLength} ${checksumOf(text)} `), text, Buffer.of(newline)]);
}

/**
 * Calls `onRecord` with the JSON text of every good record from `offset` on, and with where the record ends, in memory bounded by the largest record.
 * `onRecord` may answer false to stop early; `goodEnd` is then the end of the record that it was called with. Whoever
 * knows how many bytes there are says so, and less memory is taken.
 */
export async function scanRecords(
  file: Pick<OpenFile, 'read'>,
  offset: number,
  onRecord: OnRecord,
  { expectedBytes = largestChunkBytes }: { readonly expectedBytes?: number } = {},
): Promise<ScanResult> {
  const scanner = new Scanner(offset, onRecord);
  const chunk = Buffer.allocUnsafe(Math.min(largestChunkBytes, Math.max(smallestChunkBytes, expectedBytes)));
  for (;;) {
    const count = await file.read(chunk, scanner.fileEnd);
    const goesOn = scanner.take(chunk.subarray(0, count), count === 0);
    if (count === 0 || !goesOn) return scanner.result();
  }
}

/** `file` as if it ended at `endBytes`. */
export function limitedTo(file: Pick<OpenFile, 'read'>, endBytes: number): Pick<OpenFile, 'read'> {
  return {
    read: (into, position) =>
      position >= endBytes ? Promise.resolve(0) : file.read(into.subarray(0, endBytes - position), position),
  };
}

type Step = { readonly kind: 'record' | 'damaged'; readonly lengthBytes: number } | { readonly kind: 'needMore' };

class Scanner {
  fileEnd: number;
  private goodEnd: number;
  /** Bytes from `start` to `fileEnd` that are not judged yet. */
  private pending: Buffer = Buffer.alloc(0);
  private start: number;
  private readonly damaged: { offset: number; lengthBytes: number }[] = [];
  private readonly onRecord: OnRecord;

  constructor(offset: number, onRecord: OnRecord) {
    this.fileEnd = offset;
    this.goodEnd = offset;
    this.start = offset;
    this.onRecord = onRecord;
  }

  take(bytes: Buffer, atEnd: boolean): boolean {
    this.pending = Buffer.concat([this.pending, bytes]);
    this.fileEnd += bytes.byteLength;
    let at = 0;
    let goesOn = true;
    while (goesOn && at < this.pending.byteLength) {
      const step = this.step(this.pending.subarray(at), atEnd);
      if (step.kind === 'needMore') break;
      if (step.kind === 'damaged') this.noteDamage(this.start + at, step.lengthBytes);
      at += step.lengthBytes;
      if (step.kind === 'record') {
        this.goodEnd = this.start + at;
        goesOn = this.onRecord(textOf(this.pending.subarray(at - step.lengthBytes, at)), this.goodEnd);
      }
    }
    this.pending = this.pending.subarray(at);
    this.start += at;
    return goesOn;
  }

  result(): ScanResult {
    const damaged = this.damaged.filter(({ offset }) => offset < this.goodEnd);
    return { goodEnd: this.goodEnd, fileEnd: this.fileEnd, damaged };
  }

  private step(bytes: Buffer, atEnd: boolean): Step {
    const prefix = prefixPattern.exec(bytes.toString('latin1', 0, longestPrefixBytes));
    const textBytes = Number(prefix?.[1]);
    if (prefix !== null && textBytes <= maxRecordBytes) {
      const lengthBytes = prefix[0].length + textBytes + 1;
      if (bytes.byteLength >= lengthBytes) {
        const text = bytes.subarray(prefix[0].length, lengthBytes - 1);
        // A damaged line break costs nothing: the record is whole, and the next one begins behind it.
        if (checksumOf(text) === prefix[2]) return { kind: 'record', lengthBytes };
      } else if (!atEnd) {
        return { kind: 'needMore' };
      }
    }
    const lineEnd = bytes.indexOf(newline);
    if (lineEnd >= 0) return { kind: 'damaged', lengthBytes: lineEnd + 1 };
    // A line without an end: at the end of the file it is the torn tail; one longer than any record is damage.
    const canStillEnd = bytes.byteLength <= maxRecordBytes + longestPrefixBytes;
    return atEnd || canStillEnd ? { kind: 'needMore' } : { kind: 'damaged', lengthBytes: bytes.byteLength };
  }

  private noteDamage(offset: number, lengthBytes: number): void {
    const last = this.damaged.at(-1);
    if (last !== undefined && last.offset + last.lengthBytes === offset) last.lengthBytes += lengthBytes;
    else this.damaged.push({ offset, lengthBytes });
  }
}

function textOf(line: Buffer): string {
  const first = line.indexOf(0x20);
  return line.toString('utf8', line.indexOf(0x20, first + 1) + 1, line.byteLength - 1);
}

function checksumOf(text: Uint8Array): string {
  return crc32(text).toString(16).padStart(8, '0');
}
