import * as fs from 'node:fs/promises';
import type { ProcessIdentity } from '../../base/processTable.ts';
import type { CommandExit, OutputPiece, OutputSource } from './outputSource.ts';

/** How much of one command's output a file keeps: the first and the last part. */
export interface OutputFileBounds {
  readonly headBytes: number;
  readonly tailBytes: number;
}

const headerBytes = 1_024;
/**
 * The last part is a ring with so much more room than it promises: a piece that was being written when the process was
 * killed has overwritten none of the bytes that count.
 */
const slackBytes = 65_536;

/** 8 MiB in all, header and slack included. */
export const outputFileBounds: OutputFileBounds = {
  headBytes: 4_194_304,
  tailBytes: 4_194_304 - slackBytes - headerBytes,
};

/** What stands at the start of the file, as JSON. Offsets count bytes of the command's output. */
interface Header {
  readonly version: 1;
  /** The conversation whose agent ran the command; null where it was somebody else. */
  readonly conversationId: string | null;
  readonly bounds: OutputFileBounds;
  /** The first part is complete up to here. */
  headEnd: number;
  /** The last part begins here, or later once its oldest bytes were overwritten. */
  tailStart: number;
  /** Length of the output so far. */
  end: number;
  exit: CommandExit | null;
  /** The process that writes it; null where nobody does, left out in files of earlier versions. */
  writer?: ProcessIdentity | null;
}

/**
 * The output of one command in a file of bounded size, the middle left out. Where a byte stands follows from its offset
 * alone, so that a server which takes up the work of one that was killed may write the same bytes again. Writes are
 * meant to come one at a time; each is on its way to the disk, not synced, when its promise resolves.
 */
export class CommandOutputFile implements OutputSource {
  private readonly handle: fs.FileHandle;
  private readonly header: Header;
  private isWriting = false;

  /** Fails with `EEXIST` where there is one. Readable by its owner alone. */
  static async create(
    file: string,
    conversationId: string | null,
    bounds: OutputFileBounds = outputFileBounds,
  ): Promise<CommandOutputFile> {
    const handle = await fs.open(file, 'wx+', 0o600);
    const header: Header = { version: 1, conversationId, bounds, headEnd: 0, tailStart: 0, end: 0, exit: null };
    const created = new CommandOutputFile(handle, header);
    await created.writeHeader();
    return created;
  }

  /** Undefined where there is none, or one that cannot be read. */
  static async open(file: string): Promise<CommandOutputFile | undefined> {
    const handle = await fs.open(file, 'r+').catch(() => undefined);
    if (!handle) return undefined;
    try {
      const buffer = Buffer.alloc(headerBytes);
      const { bytesRead } = await handle.read(buffer, 0, headerBytes, 0);
      const header = readHeader(buffer.toString('utf8', 0, bytesRead));
      if (header) return new CommandOutputFile(handle, header);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }

  private constructor(handle: fs.FileHandle, header: Header) {
    this.handle = handle;
    this.header = header;
  }

  get conversationId(): string | null {
    return this.header.conversationId;
  }

  /** Length of the output so far, what was left out included. */
  get endOffset(): number {
    return this.header.end;
  }

  /** The bytes that are not kept; equal where there are none. */
  get gap(): { readonly from: number; readonly to: number } {
    const { headEnd, tailStart, end, bounds } = this.header;
    return { from: headEnd, to: Math.max(headEnd, tailStart, end - bounds.tailBytes) };
  }

  /** Null while the command runs, as far as the file knows. */
  get exit(): CommandExit | null {
    return this.header.exit;
  }

  /** The process that writes it, as far as the file knows. */
  get writer(): ProcessIdentity | undefined {
    const { writer } = this.header;
    return Number.isSafeInteger(writer?.pid) && typeof writer?.startedAt === 'string' ? writer : undefined;
  }

  /** Says, for other processes to see, that `writer` writes it from now on, until it is closed. */
  async beginWriting(writer: ProcessIdentity): Promise<void> {
    this.header.writer = writer;
    await this.writeHeader();
    this.isWriting = true;
  }

  /** Adds output at `offset`. What stands before the end is passed over; bytes missing before `offset` are lost. */
  async append(offset: number, data: Uint8Array): Promise<void> {
    const { header } = this;
    const known = Math.max(0, Math.min(data.length, header.end - offset));
    let rest = data.subarray(known);
    let at = offset + known;
    if (rest.length === 0) return;
    if (at > header.end) header.tailStart = at;
    const isHeadOpen = header.headEnd === header.end && at === header.end;
    const room = isHeadOpen ? header.bounds.headBytes - at : 0;
    if (room > 0) {
      const part = rest.subarray(0, room);
      await this.writeFully(part, headerBytes + at);
      at += part.length;
      header.headEnd = at;
      header.tailStart = at;
      header.end = at;
      rest = rest.subarray(part.length);
    }
    while (rest.length > 0) {
      // A piece must not overwrite more than the slack before the header tells of it.
      const part = rest.subarray(0, Math.min(slackBytes, this.ringBytes - this.ringPosition(at)));
      await this.writeFully(part, headerBytes + header.bounds.headBytes + this.ringPosition(at));
      at += part.length;
      header.end = at;
      rest = rest.subarray(part.length);
      if (rest.length > 0) await this.writeHeader();
    }
    await this.writeHeader();
  }

  /** Notes how the command ended. */
  async finish(exit: CommandExit): Promise<void> {
    this.header.exit = exit;
    await this.writeHeader();
  }

  /** At most `maxBytes` from `offset` on, or from the next byte kept; nothing at the end. */
  async read(offset: number, maxBytes: number): Promise<OutputPiece> {
    const { header, gap } = this;
    const start = offset >= gap.from && offset < gap.to ? gap.to : offset;
    if (start >= header.end) return { offset: header.end, data: new Uint8Array() };
    const inHead = start < header.headEnd;
    const position = inHead ? headerBytes + start : headerBytes + header.bounds.headBytes + this.ringPosition(start);
    const contiguous = inHead ? header.headEnd - start : this.ringBytes - this.ringPosition(start);
    const data = Buffer.alloc(Math.min(maxBytes, contiguous, header.end - start));
    const { bytesRead } = await this.handle.read(data, 0, data.length, position);
    return { offset: start, data: data.subarray(0, bytesRead) };
  }

  async close(): Promise<void> {
    try {
      if (this.isWriting) {
        this.header.writer = null;
        await this.writeHeader();
      }
    } finally {
      await this.handle.close();
    }
  }

  private get ringBytes(): number {
    return this.header.bounds.tailBytes + slackBytes;
  }

  private ringPosition(offset: number): number {
    return offset % this.ringBytes;
  }

  /** One write, so that a reader sees the former header or this one. */
  private async writeHeader(): Promise<void> {
    const text = JSON.stringify(this.header);
    await this.writeFully(Buffer.from(text.padEnd(headerBytes)), 0);
  }

  private async writeFully(data: Uint8Array, position: number): Promise<void> {
    let written = 0;
    while (written < data.length) {
      const { bytesWritten } = await this.handle.write(data, written, data.length - written, position + written);
      if (bytesWritten === 0) throw Object.assign(new Error('The file takes no more bytes'), { code: 'ENOSPC' });
      written += bytesWritten;
    }
  }
}

function readHeader(text: string): Header | undefined {
  try {
    const header = JSON.parse(text) as Partial<Header> | null;
    const numbers = [
      header?.headEnd,
      header?.tailStart,
      header?.end,
      header?.bounds?.headBytes,
      header?.bounds?.tailBytes,
    ];
    if (header?.version !== 1 || !numbers.every((value) => Number.isSafeInteger(value))) return undefined;
    return header as Header;
  } catch {
    // Another version's, or damaged: its output is not known.
    return undefined;
  }
}
