const pageBytes = 65_536;

/** The last bytes of a stream, addressed by their offset from its start. Memory is taken page by page as output comes. */
export class OutputRing {
  private readonly pages: (Buffer | undefined)[];
  private readonly capacityBytes: number;
  private endOffset = 0;

  /** `capacityBytes` is rounded up to whole pages of 64 KiB. */
  constructor(capacityBytes: number) {
    const pageCount = Math.ceil(capacityBytes / pageBytes);
    this.pages = new Array<Buffer | undefined>(pageCount);
    this.capacityBytes = pageCount * pageBytes;
  }

  /** Offset at which the next byte will stand: the number of bytes ever appended. */
  get end(): number {
    return this.endOffset;
  }

  /** Offset of the oldest byte kept. */
  get start(): number {
    return Math.max(0, this.endOffset - this.capacityBytes);
  }

  append(data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const { page, at } = this.locate(this.endOffset);
      const count = Math.min(data.length - done, pageBytes - at);
      page.set(data.subarray(done, done + count), at);
      done += count;
      this.endOffset += count;
    }
  }

  /** Fills `target` with the bytes from `offset` on. The caller has made sure that all of them are kept. */
  copyTo(target: Buffer, offset: number): void {
    if (offset < this.start || offset + target.length > this.endOffset) {
      throw new RangeError(`Bytes ${offset} to ${offset + target.length} are not in the ring.`);
    }
    let done = 0;
    while (done < target.length) {
      const { page, at } = this.locate(offset + done);
      done += page.copy(target, done, at, Math.min(pageBytes, at + target.length - done));
    }
  }

  private locate(offset: number): { page: Buffer; at: number } {
    const index = Math.floor(offset / pageBytes) % this.pages.length;
    const page = (this.pages[index] ??= Buffer.allocUnsafeSlow(pageBytes));
    return { page, at: offset % pageBytes };
  }
}
