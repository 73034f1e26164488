import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../base/clock.ts';

const maxLineChars = 4_096;
const maxLinesPerSecond = 200;

/**
 * Turns what a process writes into lines for the log, bounded whatever it writes: a line is cut at 4,096 characters,
 * and of more than 200 lines in a second the rest is counted and left out.
 */
export class OutputLines {
  private readonly clock: Clock;
  private readonly write: (line: string) => void;
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';
  private isCut = false;
  private secondBeganAt = 0;
  private linesThisSecond = 0;
  private omitted = 0;

  constructor(clock: Clock, write: (line: string) => void) {
    this.clock = clock;
    this.write = write;
  }

  push(data: Buffer): void {
    const pieces = this.decoder.write(data).split('\n');
    pieces.forEach((piece, index) => {
      this.append(piece);
      if (index < pieces.length - 1) this.finishLine();
    });
  }

  /** Writes what stands after the last newline, and how much was left out. */
  end(): void {
    this.append(this.decoder.end());
    if (this.rest !== '') this.finishLine();
    this.reportOmitted();
  }

  private append(piece: string): void {
    const room = maxLineChars - this.rest.length;
    this.isCut ||= piece.length > room;
    this.rest += piece.slice(0, room);
  }

  private finishLine(): void {
    const line = this.rest.trimEnd() + (this.isCut ? '…' : '');
    this.rest = '';
    this.isCut = false;
    const now = this.clock.now();
    if (now - this.secondBeganAt >= 1_000) {
      this.secondBeganAt = now;
      this.linesThisSecond = 0;
      this.reportOmitted();
    }
    this.linesThisSecond += 1;
    if (this.linesThisSecond > maxLinesPerSecond) this.omitted += 1;
    else if (line !== '') this.write(line);
  }

  private reportOmitted(): void {
    if (this.omitted > 0) this.write(`(${this.omitted} lines left out: more than ${maxLinesPerSecond} in a second)`);
    this.omitted = 0;
  }
}
