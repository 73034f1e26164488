import { printable } from './printable.ts';

/** As many as the contract takes of a title that somebody gives. */
const maxGivenChars = 200;
const maxFoundChars = 80;
/** Where a line is looked for: who pastes a file begins with something to read. */
const lookedThroughChars = 16 * 1024;
/** What one sees of by itself. Joiners and variation selectors are none of it, and stay where they join something. */
const seen = /[^\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\s]/u;

/** A title that somebody gave, as one line of at most 200 characters; empty where there is nothing in it to see. */
export function givenTitle(text: string): string {
  return beginning(text.slice(0, lookedThroughChars), maxGivenChars);
}

/** A title for a conversation that begins with `text`: its first line with something to see, at most 80 characters of it. */
export function titleOfText(text: string): string {
  for (const line of text.slice(0, lookedThroughChars).split('\n')) {
    const title = beginning(line, maxFoundChars);
    if (title !== '') return title;
  }
  return '';
}

function beginning(text: string, maxChars: number): string {
  if (!seen.test(text)) return '';
  const line = printable(text, ' ').toWellFormed().replace(/\s+/g, ' ').trim();
  const characters = Array.from(line);
  return characters.length <= maxChars ? line : `${characters.slice(0, maxChars - 1).join('')}…`;
}
