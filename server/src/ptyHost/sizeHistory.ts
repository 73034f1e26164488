import type { PtySizeAt } from '../ptyProtocol/messages.ts';

/** Changes kept. A drag of a window's edge makes dozens, of which only the last at one offset counts. */
const maxSizes = 64;

/** Which size a terminal had when which byte was written, so that its output can be replayed as it was meant. */
export class SizeHistory {
  private readonly sizes: PtySizeAt[];
  private latest: PtySizeAt;

  constructor(size: { readonly cols: number; readonly rows: number }) {
    this.latest = { offset: 0, ...size };
    this.sizes = [this.latest];
  }

  get current(): { cols: number; rows: number } {
    return { cols: this.latest.cols, rows: this.latest.rows };
  }

  /** From `offset` on the size is another one. */
  change(offset: number, size: { readonly cols: number; readonly rows: number }): void {
    if (this.latest.offset === offset) this.sizes.pop();
    this.latest = { offset, ...size };
    this.sizes.push(this.latest);
    if (this.sizes.length > maxSizes) this.sizes.shift();
  }

  /** The size in force at `offset`, or else the oldest kept, and every later one. */
  from(offset: number): PtySizeAt[] {
    const later = this.sizes.findIndex((size) => size.offset > offset);
    const first = later < 0 ? this.sizes.length - 1 : Math.max(0, later - 1);
    return this.sizes.slice(first);
  }
}
