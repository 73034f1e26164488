/** Stands between ideographs in the index, so that each of them is a word of its own; no text shows it. */
const wordBreak = '\u200b';
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const unspacedEach = /([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])/gu;
// eslint-disable-next-line no-control-regex -- These two are the marks of a snippet, below.
const marks = /([\u0001\u0002])/;
const maxTerms = 16;
const maxTermChars = 64;

/** What snippets are marked with by the database; control characters, which no document keeps. */
export const markStart = '\u0001';
export const markEnd = '\u0002';

/** A text as the index keeps it: ideographs apart, without the characters that mark hits. */
export function toIndexed(text: string): string {
  const plain = marks.test(text) ? text.replaceAll(markStart, ' ').replaceAll(markEnd, ' ') : text;
  return unspaced.test(plain) ? plain.replace(unspacedEach, `${wordBreak}$1${wordBreak}`) : plain;
}

/**
 * What a person typed as a query of FTS4: every word must occur, the beginning of a word is enough, and what stands in
 * quotes must occur as it is. Nothing in it is taken for an operator. Undefined if it has no word at all.
 */
export function toMatchExpression(query: string): string | undefined {
  const terms: string[] = [];
  for (const [, phrase, word] of query.matchAll(/"([^"]*)"|([^\s"]+)/g)) {
    const tokens = tokensOf(phrase ?? word ?? '');
    if (tokens.length === 0 || terms.length >= maxTerms) continue;
    terms.push(`"${tokens.join(' ')}${phrase === undefined ? '*' : ''}"`);
  }
  return terms.length === 0 ? undefined : terms.join(' ');
}

/** A marked snippet as plain text and the places of the marks. */
export function readSnippet(marked: string): {
  snippet: string;
  highlights: { start: number; end: number }[];
} {
  const highlights: { start: number; end: number }[] = [];
  let snippet = '';
  let start = 0;
  for (const part of marked.replaceAll(wordBreak, '').replace(/\s+/g, ' ').split(marks)) {
    if (part === markStart) start = snippet.length;
    else if (part === markEnd) noteHighlight(highlights, { start, end: snippet.length });
    else snippet += part;
  }
  return { snippet, highlights };
}

/** Ideographs that follow one another are one highlight to the eye. */
function noteHighlight(highlights: { start: number; end: number }[], next: { start: number; end: number }): void {
  const last = highlights.at(-1);
  if (last?.end === next.start) last.end = next.end;
  else highlights.push(next);
}

function tokensOf(text: string): string[] {
  return toIndexed(text.slice(0, maxTermChars * maxTerms))
    .split(/[^\p{L}\p{N}\p{M}\p{Co}]+/u)
    .filter((token) => token !== '')
    .slice(0, maxTerms)
    .map((token) => token.slice(0, maxTermChars));
}
