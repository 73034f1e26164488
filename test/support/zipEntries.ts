/** One file of a ZIP archive as its central directory describes it. */
export interface ZipEntry {
  readonly name: string;
  /** Unpacked, in bytes. */
  readonly size: number;
  /** Unix permission bits; 0 where the archive was made without them. */
  readonly mode: number;
}

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;
const entryHeaderBytes = 46;

/** Reads the names, sizes and modes out of an archive (PKWARE's APPNOTE 4.3.12 and 4.3.16; no ZIP64). */
export function readZipEntries(archive: Buffer): ZipEntry[] {
  let end = archive.length - 22;
  while (end >= 0 && archive.readUInt32LE(end) !== endOfDirectory) end -= 1;
  if (end < 0) throw new Error('This is no ZIP archive: it has no central directory.');
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  return Array.from({ length: count }, () => {
    if (archive.readUInt32LE(at) !== directoryEntry) throw new Error(`The central directory is damaged at byte ${at}.`);
    const nameBytes = archive.readUInt16LE(at + 28);
    const entry = {
      name: archive.toString('utf8', at + entryHeaderBytes, at + entryHeaderBytes + nameBytes),
      size: archive.readUInt32LE(at + 24),
      mode: (archive.readUInt32LE(at + 38) >>> 16) & 0o777,
    };
    at += entryHeaderBytes + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    return entry;
  });
}
