/** What moves a cursor, recolours, reorders or hides where somebody reads it; line breaks and tabs do not. */
const unprintable = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u{E0000}-\u{E007F}]/gu;

/** `text` with `instead` in the place of each such character, so that a stranger's words may stand where one reads ours. */
export function printable(text: string, instead = '\u{fffd}'): string {
  return text.replace(unprintable, instead);
}
