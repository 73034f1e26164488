/**
 * Everything that a person would not see, or would see in another place than it stands: controls (an OSC sequence can
 * rewrite the screen), formats (bidi marks reorder a line, tags carry hidden text), ignorables, unassigned and private
 * characters, lone surrogates, and blanks that only look like one.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}]/gu;
const kept = new Set([' ', '\n', '\t']);
const controlPictures = 0x2400;
const deletePicture = '\u2421';
const firstTag = 0xe0020;
const lastTag = 0xe007e;
const tagBase = 0xe0000;

/**
 * `text` with each invisible character written out: controls as their pictures (`␛`), Unicode tags with the letter they
 * hide (`<U+E0041 'A'>`), others as `<U+202E>`. Line breaks and tabs stay.
 */
export function makeVisible(text: string): string {
  return text.replace(invisible, (character) => {
    if (kept.has(character)) return character;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(controlPictures + code);
    if (code === 0x7f) return deletePicture;
    const name = code.toString(16).toUpperCase().padStart(4, '0');
    const hidden = code >= firstTag && code <= lastTag ? ` '${String.fromCodePoint(code - tagBase)}'` : '';
    return `<U+${name}${hidden}>`;
  });
}
