/** What a command printed, as far as it was kept. */
export interface KeptOutput {
  /** Raw output, with a line in place of the part that was left out. Bytes that are no UTF-8 become U+FFFD. */
  readonly text: string;
  /** Bytes left out between the first and the last part. */
  readonly omittedBytes: number;
}

/** The cut in the middle is moved to the end of a line, if one is so near. */
const lineReachBytes = 2_048;
const lineFeed = 10;

/**
 * Collects bytes and keeps the first and the last part of them within a budget, so that memory stays bounded whatever a
 * command prints. The middle is counted and dropped.
 */
export class OutputBudget {
  private readonly halfBytes: number;
  private readonly head: Uint8Array[] = [];
  private headBytes = 0;
  private isHeadFull = false;
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

  /** Whether `count` bytes more can be kept without dropping any. */
  hasRoomFor(count: number): boolean {
    return !this.isTruncated && this.totalBytes + count <= 2 * this.halfBytes;
  }

  add(data: Uint8Array): void {
    this.totalBytes += data.length;
    const room = this.isHeadFull ? 0 : this.halfBytes - this.headBytes;
    if (room > 0) {
      this.head.push(data.subarray(0, room));
      this.headBytes += Math.min(room, data.length);
    }
    if (data.length <= room) return;
    this.isHeadFull = true;
    this.tail.push(data.subarray(room));
    this.tailBytes += data.length - room;
    this.trimTail();
  }

  /** Takes note of `count` bytes that came here and are lost: what follows is the last part. */
  skip(count: number): void {
    if (count <= 0) return;
    this.totalBytes += count;
    this.isHeadFull = true;
    this.tail = [];
    this.tailBytes = 0;
  }

  /** Everything kept, as it came; whole as long as nothing was left out. */
  bytes(): Uint8Array {
    return Buffer.concat([...this.head, ...this.tail]);
  }

  /** The text, cut at the ends of lines where one is near. */
  kept(): KeptOutput {
    const decode = (data: Buffer): string => data.toString('utf8');
    if (!this.isTruncated) return { text: decode(Buffer.concat([...this.head, ...this.tail])), omittedBytes: 0 };
    const head = withWholeLines(Buffer.concat(this.head), 'end');
    const tail = withWholeLines(Buffer.concat(this.tail), 'start');
    const omittedBytes = this.totalBytes - head.length - tail.length;
    const separator = head.length === 0 || head.at(-1) === lineFeed ? '' : '\n';
    return {
      text: `${decode(head)}${separator}[… ${omittedBytes} bytes of output left out …]\n${decode(tail)}`,
      omittedBytes,
    };
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

/** Without the piece of a line at the side of the cut; unchanged where the line is long. */
function withWholeLines(data: Buffer, cutAt: 'start' | 'end'): Buffer {
  if (cutAt === 'end') {
    const last = data.lastIndexOf(lineFeed);
    return last < 0 || data.length - last > lineReachBytes ? data : data.subarray(0, last + 1);
  }
  const first = data.indexOf(lineFeed);
  return first < 0 || first > lineReachBytes || first === data.length - 1 ? data : data.subarray(first + 1);
}
