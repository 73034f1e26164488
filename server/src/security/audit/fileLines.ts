import type { OpenFile } from '../../base/fileSystem.ts';

const blockBytes = 64 * 1024;
const newline = 0x0a;

/** One line of a file, without its break. */
export interface FileLine {
  readonly bytes: Buffer;
  /** From 1. */
  readonly number: number;
  /** Where it begins. */
  readonly offset: number;
  /** False for what comes after the last line break, and for what is too long to be a line of ours. */
  readonly isWhole: boolean;
}

/**
 * The lines of a file up to `end`, in memory bounded by the longest of them. A line of more than `maxBytes` is given as
 * far as it was read, as no whole line, and is the last.
 */
export async function* readLines(
  file: Pick<OpenFile, 'read'>,
  { end, maxBytes }: { readonly end: number; readonly maxBytes: number },
): AsyncGenerator<FileLine> {
  let pending: Buffer = Buffer.alloc(0);
  let position = 0;
  let number = 1;
  while (position < end) {
    const block = Buffer.alloc(Math.min(blockBytes, end - position));
    const count = await file.read(block, position);
    if (count === 0) break;
    position += count;
    pending = Buffer.concat([pending, block.subarray(0, count)]);
    let start = 0;
    for (let at = pending.indexOf(newline); at >= 0; at = pending.indexOf(newline, start)) {
      const offset = position - pending.byteLength + start;
      yield { bytes: pending.subarray(start, at), number, offset, isWhole: true };
      number += 1;
      start = at + 1;
    }
    pending = pending.subarray(start);
    if (pending.byteLength > maxBytes) break;
  }
  const offset = position - pending.byteLength;
  if (pending.byteLength > 0) yield { bytes: pending, number, offset, isWhole: false };
}

/** The whole lines that end at or before `end`, the last first. `maxBytes` as above: a longer one ends the reading. */
export async function* readLinesBackwards(
  file: Pick<OpenFile, 'read'>,
  { end, maxBytes }: { readonly end: number; readonly maxBytes: number },
): AsyncGenerator<Pick<FileLine, 'bytes' | 'offset'>> {
  let pending: Buffer = Buffer.alloc(0);
  let position = end;
  /** What stands behind the last break is torn, and no line. */
  let isTail = true;
  while (position > 0 && pending.byteLength <= maxBytes) {
    const length = Math.min(blockBytes, position);
    const block = await readExactly(file, position - length, length);
    position -= length;
    pending = Buffer.concat([block, pending]);
    for (let at = pending.lastIndexOf(newline); at >= 0; at = pending.lastIndexOf(newline)) {
      if (!isTail) yield { bytes: pending.subarray(at + 1), offset: position + at + 1 };
      isTail = false;
      pending = pending.subarray(0, at);
    }
  }
  if (position === 0 && !isTail) yield { bytes: pending, offset: 0 };
}

async function readExactly(file: Pick<OpenFile, 'read'>, position: number, lengthBytes: number): Promise<Buffer> {
  const block = Buffer.alloc(lengthBytes);
  let length = 0;
  while (length < lengthBytes) {
    const count = await file.read(block.subarray(length), position + length);
    if (count === 0) throw new Error('The file became shorter while it was read');
    length += count;
  }
  return block;
}
