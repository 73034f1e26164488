/**
 * Text of others as Markdown that stays within its place: it can open no HTML element, load no image, leave no fence
 * open and make no heading of the two levels that a document uses itself. Rules are those of CommonMark 0.31; where
 * renderers could read a text in two ways, it is escaped although that may show a mark too many.
 */

const controlPictures = 0x2400;
/** Controls that terminals obey, and formats that reorder a line or hide text in it. */
const hidden =
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/gu;
/** What begins an element, a comment or an address in angle brackets. */
const markupStart = /<(?=[a-z/!?])/gi;
// With a bar behind it, some take the line for the head of a table.
const fenceStart = /^( {0,3})(?:(`{3,})[^`|]*|(~{3,})[^|]*)$/;
/** No other blank makes a line blank. */
const blankLine = /^[ \t]*$/;
const deepestHeading = 6;
const batchChars = 8 * 1024;
const maxMarks = 100;
/** In a longer line, or paragraph, it would take too long to find out what is code. */
const maxCertainChars = 10_000;
const maxCertainLines = 500;
/** Lines that are looked at for the ends of fences that stand in, in one text. */
const maxLooks = 20_000;

/** With line breaks as `\n`, and what would not be seen written out: `␛`, `[U+202E]`. */
export function revealHidden(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(hidden, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCharCode(controlPictures + code);
    return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
  });
}

/**
 * Markdown of others as a part of a document, between blank lines: some lines at a time, each with its line break, or
 * nothing where it has worked for some milliseconds. Takes time in proportion to the length, whatever the text is.
 */
export function* embedMarkdown(text: string): Generator<string> {
  const batch: string[] = [];
  let [chars, blanks] = [0, 0];
  let hasBegun = false;
  const visible = revealHidden(text);
  yield '';
  const lines = visible.split('\n');
  yield '';
  for (const line of embeddedLines(lines)) {
    if (blankLine.test(line)) {
      blanks += 1;
      if (blanks % 1_000 === 0) yield '';
      continue;
    }
    // Blank lines at the ends are left out.
    if (hasBegun) batch.push('\n'.repeat(blanks));
    batch.push(line, '\n');
    chars += line.length + 1;
    blanks = 0;
    hasBegun = true;
    if (chars < batchChars) continue;
    yield batch.join('');
    batch.length = 0;
    chars = 0;
  }
  yield batch.join('');
}

function* embeddedLines(lines: readonly string[]): Generator<string> {
  const fences = new FenceFinder(lines);
  const paragraph = new Paragraph();
  // Behind a fence that is not understood, such as one within a list, nothing is certain to be code but at the margin.
  let isCertain = true;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const fence = fences.at(at);
    if (fence === undefined) {
      if (/`{3}|~{3}/.test(line)) isCertain = false;
      if (!blankLine.test(line)) {
        yield* paragraph.add(/^ {0,3}[`~]{3}/.test(line) ? line.replace(/[`~]/, '\\$&') : line);
        continue;
      }
      yield* paragraph.end();
      yield '';
      continue;
    }
    yield* paragraph.end();
    const isCode = fence.indent === 0 || isCertain;
    yield line;
    for (let inner = at + 1; inner < fence.end; inner += 1) {
      const one = lines[inner] ?? '';
      yield isCode ? one : lowerHeading(embedLine(one, []));
    }
    yield fence.closing;
    at = fence.end;
  }
  yield* paragraph.end();
}

interface Fence {
  readonly indent: number;
  /** Index of the line that closes it; behind the last where it is open to the end. */
  readonly end: number;
  readonly closing: string;
}

class FenceFinder {
  private readonly lines: readonly string[];
  private looksLeft = maxLooks;

  constructor(lines: readonly string[]) {
    this.lines = lines;
  }

  /**
   * The fence that begins with a line. One at the margin goes to its end, or the end of the text; one that stands in a
   * little, perhaps within a list, counts only if it is closed and nothing between stands out further.
   */
  at(index: number): Fence | undefined {
    const [, spaces = '', backticks, tildes] = fenceStart.exec(this.lines[index] ?? '') ?? [];
    const marks = backticks ?? tildes;
    if (marks === undefined || marks.length > maxMarks) return undefined;
    const indent = spaces.length;
    const closing = new RegExp(`^ {${indent},3}${marks.charAt(0)}{${marks.length},}[ \\t]*$`);
    for (let end = index + 1; end < this.lines.length; end += 1) {
      const line = this.lines[end] ?? '';
      if (closing.test(line)) return { indent, end, closing: line.trimEnd() };
      if (indent === 0) continue;
      this.looksLeft -= 1;
      if (this.looksLeft < 0 || (!blankLine.test(line) && !line.startsWith(spaces))) return undefined;
    }
    return indent === 0 ? { indent, end: this.lines.length, closing: marks } : undefined;
  }
}

/** `text` as a block of code, in which nothing counts. `language` is one word. */
export function fenced(text: string, language = 'text'): string {
  const visible = revealHidden(text).replace(/\n$/, '');
  const longest = Math.max(2, ...Array.from(visible.matchAll(/`{3,}/g), ([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${visible}\n${fence}`;
}

/** `text` as code within a line. */
export function inlineCode(text: string): string {
  const line = oneLine(text);
  if (line === '') return '` `';
  const longest = Math.max(0, ...Array.from(line.matchAll(/`+/g), ([ticks]) => ticks.length));
  const ticks = '`'.repeat(longest + 1);
  const gap = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${ticks}${gap}${line}${gap}${ticks}`;
}

/** `text` as plain words within a line. */
export function inlineText(text: string): string {
  return oneLine(text)
    .replace(/[\\`*_[\]~|!#]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');
}

/** Whole lines with a mark before each that quotes it. */
export function quoted(lines: string): string {
  const marked = lines.replace(/\n$/, '').split('\n');
  return `${marked.map((line) => (line === '' ? '>' : `> ${line}`)).join('\n')}\n`;
}

function oneLine(text: string): string {
  return revealHidden(text).replace(/\s+/g, ' ').trim();
}

/** Lines that follow one another with no blank one between. */
class Paragraph {
  private lines: string[] = [];
  private isLong = false;

  /** The lines that can be handed out before it has ended: all of one that is long. */
  *add(line: string): Generator<string> {
    if (this.isLong) yield embedTextLine(line, { isFirst: false, areCertain: false });
    else this.lines.push(line);
    if (this.lines.length < maxCertainLines) return;
    yield* this.take(false);
    this.isLong = true;
  }

  *end(): Generator<string> {
    // A span that is open at the end of a line would make of the next line's text code, and of its code text.
    yield* this.take(this.lines.every((line) => codeSpansOf(line) !== undefined));
    this.isLong = false;
  }

  private *take(areCertain: boolean): Generator<string> {
    const lines = this.lines;
    this.lines = [];
    for (const [index, line] of lines.entries()) yield embedTextLine(line, { isFirst: index === 0, areCertain });
  }
}

function embedTextLine(line: string, { isFirst, areCertain }: { isFirst: boolean; areCertain: boolean }): string {
  const inert = embedLine(line, (areCertain ? codeSpansOf(line) : undefined) ?? []);
  const isUnderline = !isFirst && /^ {0,3}(?:=+|-+)\s*$/.test(line);
  return isUnderline ? `\\${inert.trimStart()}` : lowerHeading(inert);
}

function lowerHeading(line: string): string {
  return line.replace(/^( {0,3})(#{1,6})(?=\s|$)/, (_all, indent: string, marks: string) => {
    return indent + '#'.repeat(Math.min(deepestHeading, marks.length + 2));
  });
}

type Span = readonly [start: number, end: number];

function embedLine(line: string, spans: readonly Span[]): string {
  let result = '';
  let at = 0;
  const escapeUntil = (end: number): void => {
    result += line.slice(at, end).replace(markupStart, '&lt;').replaceAll('![', '&#33;[');
  };
  for (const [start, end] of spans) {
    escapeUntil(start);
    result += line.slice(start, end);
    at = end;
  }
  escapeUntil(line.length);
  return result;
}

/** Where the code in a line stands; undefined where that is not certain from the line alone. */
function codeSpansOf(line: string): Span[] | undefined {
  if (!line.includes('`')) return [];
  if (line.length > maxCertainChars) return undefined;
  // A mark may be escaped, split between the cells of a table, or taken for a part of an address.
  if (/\\`|\||\/\/|www\.|@/i.test(line)) return undefined;
  const runs = Array.from(line.matchAll(/`+/g), ({ index, 0: ticks }) => ({ index, length: ticks.length }));
  const spans: Span[] = [];
  let opening: (typeof runs)[number] | undefined;
  let passed = 0;
  for (const run of runs) {
    if (opening === undefined) opening = run;
    else if (run.length === opening.length) {
      spans.push([opening.index, run.index + run.length]);
      opening = undefined;
    } else if ((passed += 1) > maxMarks) return undefined;
  }
  return opening === undefined ? spans : undefined;
}
