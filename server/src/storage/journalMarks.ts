/** A place in a journal where reading can begin, and what whoever has read everything before it knows. */
export interface JournalMark {
  /** Where a record ends, in bytes. */
  readonly offset: number;
  /** Highest number of an event before it; 0 if there is none. */
  readonly lastSequence: number;
  /** Of the newest lease before it; 0 if there is none. */
  readonly epoch: number;
}

/** Reads from here to there give the events with numbers above `from.lastSequence`, up to `endBytes`. */
export interface MarkedStretch {
  readonly from: JournalMark;
  /** Undefined: to the end of the journal. */
  readonly endBytes: number | undefined;
}

export const journalStart: JournalMark = { offset: 0, lastSequence: 0, epoch: 0 };

const finestBytes = 256 * 1024;
const maxMarks = 8_192;

/**
 * Marks along one journal file, a quarter of a megabyte apart, so that any event is found without reading what stands
 * before it. Beyond 2 GiB they stand further apart: there are never more than 8,192.
 */
export class JournalMarks {
  private marks: JournalMark[] = [journalStart];
  private spacingBytes: number;

  constructor(spacingBytes = finestBytes) {
    this.spacingBytes = spacingBytes;
  }

  /** Takes a place that is further on than all before; keeps it where that is far enough. */
  note(offset: number, lastSequence: number, epoch: number): void {
    if (offset - (this.marks.at(-1)?.offset ?? 0) < this.spacingBytes) return;
    this.marks.push({ offset, lastSequence, epoch });
    if (this.marks.length <= maxMarks) return;
    this.marks = this.marks.filter((_, index) => index % 2 === 0);
    this.spacingBytes *= 2;
  }

  /** The stretch in which the newest events stand whose numbers are below `sequence`. */
  stretchBefore(sequence: number): MarkedStretch {
    let low = 0;
    let high = this.marks.length;
    // The last mark in front of which there is no event with the number before `sequence`.
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((this.marks[middle]?.lastSequence ?? 0) < sequence - 1) low = middle;
      else high = middle;
    }
    return { from: this.marks[low] ?? journalStart, endBytes: this.marks[low + 1]?.offset };
  }
}
