import { StringDecoder } from 'node:string_decoder';
import type { OutputSource } from './outputSource.ts';
import { plainText } from './plainText.ts';

const pieceBytes = 65_536;
const lineFeed = 10;

/** A part of some output as plain text. */
export interface OutputPart {
  readonly text: string;
  readonly fromOffset: number;
  readonly nextOffset: number;
  /** Bytes between where it was to begin and `nextOffset` that are not kept. */
  readonly omittedBytes: number;
}

/** Where the line `line` begins, counting from 1 in what is kept; the end where there are fewer. */
export async function offsetOfLine(source: OutputSource, line: number, signal: AbortSignal): Promise<number> {
  let left = line - 1;
  for (let offset = 0; left > 0;) {
    signal.throwIfAborted();
    const piece = await source.read(offset, pieceBytes);
    if (piece.data.length === 0) return source.endOffset;
    for (let at = piece.data.indexOf(lineFeed); at >= 0; at = piece.data.indexOf(lineFeed, at + 1)) {
      left -= 1;
      if (left === 0) return piece.offset + at + 1;
    }
    offset = piece.offset + piece.data.length;
  }
  return 0;
}

/** Reads at most `maxBytes` from `fromOffset` on, never beyond `toOffset`, and no half of a character. */
export async function readPart(
  source: OutputSource,
  where: { readonly fromOffset: number; readonly toOffset: number; readonly maxBytes: number },
): Promise<OutputPart> {
  const first = await source.read(where.fromOffset, Math.min(pieceBytes, where.maxBytes));
  const parts: Uint8Array[] = [];
  let at = first.offset;
  const end = Math.min(where.toOffset, at + where.maxBytes);
  for (let { data } = first; data.length > 0 && at < end;) {
    const wanted = data.subarray(0, end - at);
    parts.push(wanted);
    at += wanted.length;
    if (at >= end) break;
    const next = await source.read(at, Math.min(pieceBytes, end - at));
    // What is not kept ends the part; the next one begins after it.
    if (next.offset !== at) break;
    ({ data } = next);
  }
  const bytes = Buffer.concat(parts);
  const whole = at >= source.endOffset ? bytes : withoutHalfCharacter(bytes);
  return {
    text: plainText(whole.toString('utf8')),
    fromOffset: first.offset,
    nextOffset: first.offset + whole.length,
    omittedBytes: Math.max(0, first.offset - where.fromOffset),
  };
}

/** Some lines of some output. */
export interface OutputLines {
  readonly lines: readonly string[];
  /** Number of the first of them; lines count from 1 in what is kept. */
  readonly startLine: number;
  /** Lines that there are in all, as far as they were counted. */
  readonly lineCount: number;
  /** Not all lines that were asked for are here, for there are too many characters in them. */
  readonly isCut: boolean;
}

/**
 * The lines from `startLine` to `endLine`, or up to `maxChars`; where `startLine` is left out the last ones. A line says
 * where bytes are not kept.
 */
export async function readLines(
  source: OutputSource,
  where: { readonly startLine?: number; readonly endLine?: number; readonly maxChars: number },
  signal: AbortSignal,
): Promise<OutputLines> {
  const { startLine, endLine = Infinity, maxChars } = where;
  const window = new LineWindow({ startLine, endLine, maxChars });
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for (let offset = 0; ;) {
    signal.throwIfAborted();
    const piece = await source.read(offset, pieceBytes);
    if (piece.data.length === 0) break;
    if (piece.offset > offset) {
      rest += `\n[… ${piece.offset - offset} bytes of output left out …]\n`;
    }
    offset = piece.offset + piece.data.length;
    const text = rest + decoder.write(piece.data);
    // A line that never ends is cut, so that a piece stays small.
    const cut = text.length > 4 * pieceBytes ? text.length : text.lastIndexOf('\n') + 1;
    rest = text.slice(cut);
    const lines = text.slice(0, cut).split('\n');
    if (text.at(cut - 1) === '\n') lines.pop();
    for (const line of lines) window.add(line);
  }
  rest += decoder.end();
  if (rest !== '') window.add(rest);
  return window.result();
}

/** Longer lines are made plain at once, since a progress bar's is long only until then; others if they are kept. */
const longLineChars = 1_000;

/** Collects the lines of a range, or the last ones, within a number of characters. */
class LineWindow {
  private readonly range: {
    readonly startLine: number | undefined;
    readonly endLine: number;
    readonly maxChars: number;
  };
  private lines: string[] = [];
  /** Lines at the start of `lines` that are no longer among the last ones. */
  private dropped = 0;
  private chars = 0;
  private first = 1;
  private count = 0;
  private isCut = false;

  constructor(range: LineWindow['range']) {
    this.range = range;
    this.first = range.startLine ?? 1;
  }

  add(line: string): void {
    this.count += 1;
    const { startLine, endLine, maxChars } = this.range;
    if (this.count < (startLine ?? 1) || this.count > endLine) return;
    const shown = (line.length > longLineChars ? plainText(line) : line).slice(0, maxChars);
    if (startLine === undefined) this.addLast(shown);
    else if (!this.isCut && this.chars + shown.length + 1 <= maxChars) this.push(shown);
    else this.isCut = true;
  }

  result(): OutputLines {
    const lines = this.lines.slice(this.dropped).map((line) => plainText(line));
    return { lines, startLine: this.first + this.dropped, lineCount: this.count, isCut: this.isCut };
  }

  private addLast(line: string): void {
    this.push(line);
    while (this.chars > this.range.maxChars && this.dropped < this.lines.length - 1) {
      this.chars -= (this.lines[this.dropped]?.length ?? 0) + 1;
      this.dropped += 1;
      this.isCut = true;
    }
    if (this.dropped < 10_000) return;
    this.lines = this.lines.slice(this.dropped);
    this.first += this.dropped;
    this.dropped = 0;
  }

  private push(line: string): void {
    this.lines.push(line);
    this.chars += line.length + 1;
  }
}

/** Without the first bytes of a character whose others are yet to come. */
function withoutHalfCharacter(bytes: Buffer): Buffer {
  const decoder = new StringDecoder('utf8');
  decoder.write(bytes);
  const half = decoder.end() === '' ? 0 : incompleteBytes(bytes);
  return half < bytes.length ? bytes.subarray(0, bytes.length - half) : bytes;
}

/** UTF-8: how many bytes at the end begin a character and do not complete it; at most 3. */
function incompleteBytes(bytes: Buffer): number {
  for (let count = 1; count <= Math.min(3, bytes.length); count++) {
    const byte = bytes[bytes.length - count] ?? 0;
    if (byte >= 0xc0) return count;
    if (byte < 0x80) return 0;
  }
  return 0;
}
