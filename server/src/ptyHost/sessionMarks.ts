import type { PtyMark } from '../ptyProtocol/messages.ts';
import { MarkScanner, type FoundMark } from './markScanner.ts';

/** Marks kept of a session: a day's commands; what they mean was told when they came. */
const maxMarks = 256;
const maxMarksBytes = 131_072;
/** Text of the marks in one answer: escaped as JSON it stays below the frame limit. */
const maxPageBytes = 98_304;

/** The marks in one session's output, the last of them kept for servers that come later. */
export class SessionMarks {
  private readonly scanner: MarkScanner | undefined;
  private readonly onMark: (mark: PtyMark) => void;
  private readonly now: () => number;
  private readonly marks: PtyMark[] = [];
  private keptBytes = 0;
  private nextIndex = 0;

  /** Without a secret nothing is ever found. `now` gives milliseconds since 1970. */
  constructor(options: { secret: string | undefined; now: () => number; onMark: (mark: PtyMark) => void }) {
    this.scanner = options.secret === undefined ? undefined : new MarkScanner(options.secret, (mark) => this.add(mark));
    this.now = options.now;
    this.onMark = options.onMark;
  }

  /** Marks seen so far. */
  get count(): number {
    return this.nextIndex;
  }

  push(data: Buffer, offset: number): void {
    this.scanner?.push(data, offset);
  }

  /** Kept marks from `fromIndex` on, as many as one answer holds. */
  from(fromIndex: number): { marks: PtyMark[]; nextIndex: number } {
    const page: PtyMark[] = [];
    let bytes = 0;
    for (const mark of this.marks) {
      if (mark.index < fromIndex) continue;
      bytes += sizeOf(mark);
      if (page.length > 0 && bytes > maxPageBytes) break;
      page.push(mark);
    }
    return { marks: page, nextIndex: (page.at(-1)?.index ?? Math.max(fromIndex, this.nextIndex) - 1) + 1 };
  }

  private add(found: FoundMark): void {
    const mark = { index: this.nextIndex++, ...found, atMs: this.now() };
    this.marks.push(mark);
    this.keptBytes += sizeOf(mark);
    while (this.marks.length > maxMarks || this.keptBytes > maxMarksBytes) {
      const oldest = this.marks.shift();
      if (!oldest) break;
      this.keptBytes -= sizeOf(oldest);
    }
    this.onMark(mark);
  }
}

function sizeOf({ text }: PtyMark): number {
  return Buffer.byteLength(text);
}
