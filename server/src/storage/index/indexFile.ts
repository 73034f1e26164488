import { crc32 } from 'node:zlib';
import * as path from 'node:path';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { writeFileAtomic } from '../../base/atomicFile.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';

export const indexFileName = 'index.sqlite';
const damagedName = `${indexFileName}.damaged`;
const temporaryPattern = /^index\.sqlite\.[\da-f]+\.tmp$/;
/** More is not kept in memory; such an index is built anew. */
const maxImageBytes = 1024 * 1024 * 1024;
const chunkBytes = 4 * 1024 * 1024;
/** Behind the SQLite image, which SQLite does not mind: four letters, the image's length and its CRC-32. */
const trailerBytes = 16;
const trailerMagic = 'AIDX';

/** What stands in the data folder as the index. */
export type IndexFileContent =
  | { readonly kind: 'image'; readonly image: Uint8Array }
  | { readonly kind: 'missing' }
  /** It is not what was saved, or the disk does not give it. */
  | { readonly kind: 'damaged'; readonly reason: string };

/** Reads the saved index. Never rejects: whatever stands in its way, the index can be built anew. */
export async function readIndexFile(dataFolder: string, fileSystem: FileSystem): Promise<IndexFileContent> {
  const file = path.join(dataFolder, indexFileName);
  try {
    const bytes = await readWhole(file, fileSystem);
    const image = bytes === undefined ? undefined : await imageIn(bytes);
    return image === undefined ? { kind: 'damaged', reason: 'its checksum is wrong' } : { kind: 'image', image };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'missing' };
    return { kind: 'damaged', reason: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Saves an image in place of the index, such that a crash at any instant leaves the one before or this one. Only the
 * holder of `index.lock` may call it. `keepFormer`: what is there could not be read, and one such file is kept aside.
 */
export async function saveIndexFile(
  dataFolder: string,
  image: Uint8Array,
  { fileSystem, keepFormer }: { readonly fileSystem: FileSystem; readonly keepFormer: boolean },
): Promise<void> {
  const trailer = Buffer.alloc(trailerBytes);
  trailer.write(trailerMagic, 0, 'latin1');
  trailer.writeUIntBE(image.byteLength, 4, 6);
  trailer.writeUInt32BE(await checksumOf(image), 12);
  const names = await fileSystem.list(dataFolder);
  // Left by a holder that was killed while it saved; nobody else writes files of this name.
  for (const name of names) if (temporaryPattern.test(name)) await fileSystem.remove(path.join(dataFolder, name));
  if (keepFormer && names.includes(indexFileName) && !names.includes(damagedName)) {
    await fileSystem.rename(path.join(dataFolder, indexFileName), path.join(dataFolder, damagedName));
  }
  await writeFileAtomic(path.join(dataFolder, indexFileName), Buffer.concat([image, trailer]), fileSystem);
}

async function readWhole(file: string, fileSystem: FileSystem): Promise<Buffer | undefined> {
  const { kind, sizeBytes } = await fileSystem.stat(file);
  if (kind !== 'file' || sizeBytes > maxImageBytes) return undefined;
  const open = await fileSystem.open(file, 'read');
  try {
    const bytes = Buffer.alloc(sizeBytes);
    for (let position = 0; position < sizeBytes;) {
      const count = await open.read(bytes.subarray(position, position + chunkBytes), position);
      if (count === 0) return undefined;
      position += count;
    }
    return bytes;
  } finally {
    await open.close();
  }
}

async function imageIn(bytes: Buffer): Promise<Uint8Array | undefined> {
  const end = bytes.byteLength - trailerBytes;
  if (end < 0 || bytes.toString('latin1', end, end + 4) !== trailerMagic || bytes.readUIntBE(end + 4, 6) !== end) {
    return undefined;
  }
  const image = bytes.subarray(0, end);
  return (await checksumOf(image)) === bytes.readUInt32BE(end + 12) ? image : undefined;
}

async function checksumOf(bytes: Uint8Array): Promise<number> {
  let checksum = 0;
  for (let position = 0; position < bytes.byteLength; position += chunkBytes) {
    checksum = crc32(bytes.subarray(position, position + chunkBytes), checksum);
    await turnOfTheLoop();
  }
  return checksum;
}
