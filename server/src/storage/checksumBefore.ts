import { crc32 } from 'node:zlib';
import type { OpenFile } from '../base/fileSystem.ts';

const checkedBytes = 256;

/**
 * CRC-32 of the bytes in front of a place, 256 at most: enough to notice that a file is not the one any more that was
 * read up to there.
 */
export async function checksumBefore(file: Pick<OpenFile, 'read'>, endBytes: number): Promise<number> {
  const start = Math.max(0, endBytes - checkedBytes);
  const bytes = Buffer.alloc(endBytes - start);
  let done = 0;
  while (done < bytes.byteLength) {
    const count = await file.read(bytes.subarray(done), start + done);
    if (count === 0) break;
    done += count;
  }
  return crc32(bytes.subarray(0, done));
}
