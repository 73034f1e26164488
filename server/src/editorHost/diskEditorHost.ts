import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { decodeText } from './decodeText.ts';
import type { EditorHost, FileText } from './editorHost.ts';
import { fileTooLarge, notAFile, notText, readCancelled, readFailed } from './errors.ts';

/** More than any file that a person wrote; less than what would hurt the server. */
const defaultMaxBytes = 10 * 1024 * 1024;
// The path was judged as a real one: if its last part has become a link since, it is not followed. A pipe does not block.
const openFlags =
  process.platform === 'win32' ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads files as they are on the disk. */
export class DiskEditorHost implements EditorHost {
  private readonly maxBytes: number;

  constructor({ maxBytes = defaultMaxBytes }: { readonly maxBytes?: number } = {}) {
    this.maxBytes = maxBytes;
  }

  async readText(path: string, signal?: AbortSignal): Promise<FileText> {
    if (signal?.aborted === true) throw readCancelled(path);
    let bytes: Uint8Array;
    try {
      const handle = await open(path, openFlags);
      try {
        bytes = await this.readBounded(handle, path, signal);
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw readFailed(path, error);
    }
    const decoded = decodeText(bytes);
    if (decoded === undefined) throw notText(path);
    return { ...decoded, fromBuffer: false };
  }

  /** Reads up to the limit, whatever the file's size claims to be: it may grow, and some files claim 0. */
  private async readBounded(handle: FileHandle, path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const stats = await handle.stat();
    if (!stats.isFile()) throw notAFile(path);
    if (stats.size > this.maxBytes) throw fileTooLarge(path, stats.size, this.maxBytes);
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (;;) {
      const chunk = new Uint8Array(Math.min(Math.max(stats.size - total, 0) + 1, this.maxBytes - total + 1));
      const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, total);
      if (signal?.aborted === true) throw readCancelled(path);
      if (bytesRead === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, bytesRead));
      total += bytesRead;
      if (total > this.maxBytes) throw fileTooLarge(path, total, this.maxBytes);
    }
  }
}
