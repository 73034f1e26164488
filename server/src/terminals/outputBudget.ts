/**
 * Collects bytes and keeps the first and the last part of them within a budget, so that memory stays bounded whatever a
 * command prints. The middle is counted and dropped.
 */
export class OutputBudget {
  private readonly halfBytes: number;
  private readonly head: Uint8Array[] = [];
  private headBytes = 0;
  private tail: Uint8Array[] = [];
  private tailBytes = 0;
  private totalBytes = 0;

  /** Keeps at most `maxBytes`, half from the start and half from the end. */
  constructor(maxBytes: number) {
    this.halfBytes = Math.floor(maxBytes / 2);
  }

  get isTruncated(): boolean {
    return this.totalBytes > this.headBytes + this.tailBytes;
  }

  add(data: Uint8Array): void {
    this.totalBytes += data.length;
    const room = this.halfBytes - this.headBytes;
    if (room > 0) {
      this.head.push(data.subarray(0, room));
      this.headBytes += Math.min(room, data.length);
    }
    if (data.length <= room) return;
    this.tail.push(data.subarray(Math.max(0, room)));
    this.tailBytes += data.length - Math.max(0, room);
    this.trimTail();
  }

  /** The text, with a line in place of the dropped middle. Bytes that are no UTF-8 become U+FFFD. */
  text(): string {
    const decode = (parts: Uint8Array[]): string => Buffer.concat(parts).toString('utf8');
    if (!this.isTruncated) return decode([...this.head, ...this.tail]);
    const dropped = this.totalBytes - this.headBytes - this.tailBytes;
    return `${decode(this.head)}\n[… ${dropped} bytes of output left out …]\n${decode(this.tail)}`;
  }

  private trimTail(): void {
    while (this.tailBytes > this.halfBytes) {
      const first = this.tail[0];
      if (!first) return;
      const excess = this.tailBytes - this.halfBytes;
      if (first.length <= excess) {
        this.tail.shift();
        this.tailBytes -= first.length;
      } else {
        this.tail[0] = first.subarray(excess);
        this.tailBytes -= excess;
      }
    }
  }
}
